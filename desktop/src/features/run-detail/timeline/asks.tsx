// What people were asked about a call, and what they said; and how it came through the death of its worker.
import { CircleHelp, History, ShieldQuestion, UserCheck, UserX } from "lucide-react";
import type { ReactNode } from "react";
import type { EffectClass } from "~/api/gen/schemas";
import { decisionWords } from "~/features/inbox/words";
import { plural } from "~/shared/format/count";
import { duration } from "~/shared/format/time";
import { useFeed } from "../feed-context";
import type { Ask, CallEntry } from "../journal/entries";
import { whoWords } from "../words";
import { Remark } from "./note";

export function Asks({ entry }: { entry: CallEntry }) {
  return (
    <>
      {entry.asks.map((ask) =>
        ask.decision ? <Decided key={ask.item} ask={ask} /> : <Open key={ask.item} ask={ask} entry={entry} />,
      )}
      {entry.takeovers > 0 ? <Recovery entry={entry} /> : null}
    </>
  );
}

function Open({ ask, entry }: { ask: Ask; entry: CallEntry }) {
  if (entry.state !== "asked") return null;
  return ask.kind === "outcome" ? (
    <Remark icon={<CircleHelp aria-hidden />} tone="need">
      Its worker died before the answer{ask.attempt > 1 ? ` of attempt ${ask.attempt}` : ""} came. Only the other side
      knows whether it happened.
    </Remark>
  ) : (
    <Remark icon={<ShieldQuestion aria-hidden />} tone="need">
      {ask.kind === "approval"
        ? "Nothing has been done yet: it waits for you."
        : "It waits for an answer, holding nothing."}
    </Remark>
  );
}

function Decided({ ask }: { ask: Ask }) {
  const { me } = useFeed();
  const { decision } = ask;
  if (!decision) return null;
  const no = decision.what?.reject !== undefined || decision.what?.fail !== undefined;
  const waited = ask.time && decision.time ? Math.max(0, Date.parse(decision.time) - Date.parse(ask.time)) : null;
  return (
    <Remark icon={no ? <UserX aria-hidden /> : <UserCheck aria-hidden />}>
      <span className="text-text">{decisionWords(decision.what)}</span>, by {whoWords(decision.by, me)}
      {waited === null ? "" : ` after ${duration(waited)}`}
    </Remark>
  );
}

const AGAIN: Partial<Record<EffectClass, string>> = {
  EFFECT_CLASS_PURE: "It changes nothing, so it was carried out again.",
  EFFECT_CLASS_IDEMPOTENT: "It was sent again under the same key, so it has its effect once.",
  EFFECT_CLASS_QUERYABLE: "The other side was asked whether it had happened before anything was done.",
};

function Recovery({ entry }: { entry: CallEntry }) {
  const asked = entry.asks.some((ask) => ask.kind === "outcome");
  const words: ReactNode = asked
    ? "Repeating it could do it twice, so a person was asked."
    : (AGAIN[entry.effect ?? "EFFECT_CLASS_UNSPECIFIED"] ?? "It may not be repeated by itself.");
  return (
    <Remark icon={<History aria-hidden />}>
      Outlived {plural(entry.takeovers, "worker")}. {words}
    </Remark>
  );
}
