// Reads what a gateway has answered.
import { LocalReason, Problem } from "~/api/problem";

/** Parses the text of a 2xx answer; an empty one is an empty object. */
export function parseReply(status: number, text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (thrown) {
    const detail = "The answer is not JSON: something other than the gateway answers at its address.";
    throw new Problem({ reason: LocalReason.unreadable, status, detail }, thrown);
  }
}

/** The problem that an answer with another status tells; what is not JSON came from something in between. */
export function problemOfReply(status: number, text: string): Problem {
  try {
    return Problem.from(status, JSON.parse(text));
  } catch {
    return Problem.from(status, null);
  }
}
