// What people were asked about a call, and what they said; and how it came through the death of its worker.
import { Link } from "@tanstack/react-router";
import { AlarmClock, CircleHelp, History, ShieldCheck, ShieldQuestion, UserCheck, UserX } from "lucide-react";
import type { ReactNode } from "react";
import type { EffectClass } from "~/api/gen/schemas";
import { decisionWords, doubtWords } from "~/features/inbox/words";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { duration } from "~/shared/format/time";
import { Wake } from "~/shared/ui/time";
import { useFeed } from "../feed-context";
import type { Ask, CallEntry } from "../journal/entries";
import { whoWords } from "../words";
import { Remark } from "./note";

export function Asks({ entry }: { entry: CallEntry }) {
  return (
    <>
      {entry.rule ? <Allowed rule={entry.rule} /> : null}
      {entry.timer && entry.state === "resting" ? (
        <Remark icon={<AlarmClock aria-hidden />}>
          Holds nothing meanwhile; wakes <Wake time={entry.timer.wakeTime} />.
        </Remark>
      ) : null}
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
      {doubtWords(ask.cause)}
      {ask.detail ? ` (${ask.detail})` : ""}
      {ask.attempt > 1 ? ` It was attempt ${ask.attempt}.` : ""} Only the other side knows whether it happened.
    </Remark>
  ) : (
    <Remark icon={<ShieldQuestion aria-hidden />} tone="need">
      {ask.kind === "approval"
        ? "Nothing has been done yet: it waits for you."
        : "It waits for an answer, holding nothing."}
    </Remark>
  );
}

function Allowed({ rule }: { rule: NonNullable<CallEntry["rule"]> }) {
  const { me } = useFeed();
  const whose = rule.creator === me ? "a rule of yours" : "a rule that somebody else made";
  return (
    <Remark icon={<ShieldCheck aria-hidden />}>
      Allowed by{" "}
      <Link
        to="/inbox/rules"
        search={{ rule: idOf(rule.name) }}
        className="underline decoration-line underline-offset-3 hover:decoration-current"
      >
        {whose}
      </Link>
      , so nobody was asked.
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
