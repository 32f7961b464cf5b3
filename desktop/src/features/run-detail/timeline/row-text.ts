// What copying an entry copies, and what it is called for those who listen.
import { callTitle, failureTitle, orderWords } from "../words";
import { standing } from "./call-view";
import { contextTitle } from "./context-view";
import type { Row } from "./entry-view";

/** The text of an entry that people want elsewhere; empty when it has none. */
export function copyText(row: Row): string {
  switch (row.kind) {
    case "model":
      return row.text?.text ?? row.error?.message ?? "";
    case "call":
      return row.result?.text || row.question?.text || row.argumentsJson.text;
    case "note":
      return row.text;
    case "context":
      return row.text?.text ?? "";
    case "end":
      return row.summary || row.error?.message || row.reason;
    default:
      return "";
  }
}

/** `Step 3, at work`; what a screen reader says of a row before its content. */
export function rowLabel(row: Row): string {
  switch (row.kind) {
    case "model":
      return `Step ${row.step}${row.attempt > 1 ? `, attempt ${row.attempt}` : ""}, ${row.state}`;
    case "call": {
      const { word } = standing(row);
      return `${row.question ? "Question" : callTitle(row)}${word ? `, ${word}` : ""}`;
    }
    case "order":
      return `Order: ${orderWords(row.order).order}, ${row.state}`;
    case "requested":
      return `Order: ${orderWords(row.order.order).order}, requested`;
    case "worker":
      return row.how === "lost" ? "Worker lost, taken over" : "A worker took it";
    case "queued":
      return "Queued";
    case "note":
      return "Note of the engine";
    case "context":
      return contextTitle(row);
    case "end":
      return row.outcome === "failed" ? failureTitle(row.error?.reason ?? "") : row.outcome;
    case "unknown":
      return "Unknown record";
  }
}
