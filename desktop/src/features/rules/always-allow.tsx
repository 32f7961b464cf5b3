// Never asking about this again: a rule made of one call, as narrow or as wide as a person wants it, said in words before it
// is saved.
import { ShieldCheck } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import type { Decision, InboxItem } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { agentOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { cn } from "~/shared/ui/cn";
import { Field, Input, Select } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { ConditionList } from "./condition-list";
import { type ArgumentHold, conditionsOf, type Hold, holdsFor, holdsOf, isExact } from "./conditions";
import { useMakeRule } from "./use-rules";

const DAY_MS = 24 * 3_600_000;
const TERMS = [
  { days: 0, label: "for good" },
  { days: 1, label: "for a day" },
  { days: 7, label: "for a week" },
  { days: 30, label: "for 30 days" },
] as const;

const HOLDS: Record<Hold, string> = {
  equals: "exactly this",
  below: "this address or below",
  begins: "beginning with",
  any: "anything",
};

interface AlwaysAllowProps {
  item: InboxItem;
  busy: boolean;
  decide: (decision: Decision) => void;
  onCancel: () => void;
}

export function AlwaysAllow({ item, busy, decide, onCancel }: AlwaysAllowProps) {
  const [holds, setHolds] = useState(() => holdsOf(item.argumentsJson));
  const [note, setNote] = useState("");
  const [term, setTerm] = useState<{ days: number; until?: string }>({ days: 0 });
  const making = useMakeRule();
  const sent = useRef<{ json: string; requestId: string } | null>(null);
  const who = item.agentDisplayName || "The agent";
  const conditions = conditionsOf(holds ?? []);
  const anything = holds !== null && holds.length > 0 && holds.every(({ hold }) => hold === "any");

  const submit = () => {
    if (busy || making.isPending) return;
    const expireTime = term.until ? { expireTime: term.until } : {};
    // The very same call is a rule that the decision makes by itself, in one go.
    if (note.trim() === "" && (holds === null || isExact(holds)))
      return decide({ approve: { alwaysAllow: expireTime } });
    const rule = { agent: agentOf(item.agentVersion), tool: item.tool, conditions, note: note.trim(), ...expireTime };
    const json = JSON.stringify(rule);
    if (sent.current?.json !== json) sent.current = { json, requestId: crypto.randomUUID() };
    making.mutate({ rule, requestId: sent.current.requestId }, { onSuccess: () => decide({ approve: {} }) });
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") onCancel();
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) submit();
  };
  const wrong = placed(making.error);
  return (
    <form
      aria-label="Always allow this"
      className="space-y-3"
      noValidate
      onKeyDown={keys}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="-mx-1 max-h-[34vh] space-y-3 overflow-auto px-1 pb-1">
        {wrong.other ? <ProblemNote problem={making.error} /> : null}
        {holds && holds.length > 0 ? (
          <Holds
            holds={holds}
            wrong={wrong.at}
            onChange={(changed) => {
              making.reset();
              setHolds(changed);
            }}
          />
        ) : (
          <p className="text-muted">
            It is called {holds ? "without arguments" : "with arguments that stay as they are"}.
          </p>
        )}
        <div className="grid gap-3 sm:grid-cols-[10rem_minmax(0,1fr)]">
          <Field label="It holds">
            {(control) => (
              <Select
                {...control}
                value={term.days}
                onChange={(event) => {
                  const days = Number(event.target.value);
                  setTerm(days === 0 ? { days } : { days, until: new Date(Date.now() + days * DAY_MS).toISOString() });
                }}
              >
                {TERMS.map(({ days, label }) => (
                  <option key={days} value={days}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Why" aside="optional">
            {(control) => (
              <Input {...control} maxLength={500} value={note} onChange={(event) => setNote(event.target.value)} />
            )}
          </Field>
        </div>
      </div>
      <section
        aria-label="The rule"
        aria-live="polite"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        tabIndex={0}
        className="max-h-[24vh] overflow-auto rounded-panel border bg-bg p-3"
      >
        <p className="mb-1.5">
          {who} may use <code className="text-xs">{item.tool}</code> without asking, in every version, when
        </p>
        <ConditionList conditions={conditions} />
        <p className="mt-2 text-pretty text-muted text-xs">
          All of it has to fit; an argument that is not named here does not. Hosts that {who} was not granted stay out
          of reach.
        </p>
        {anything ? (
          <p role="alert" className="mt-1 text-need-text text-xs">
            That is every call of this tool. To stop asking altogether, change the tool's grant instead.
          </p>
        ) : null}
      </section>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" hotkey="mod+enter" busy={busy || making.isPending}>
          <ShieldCheck aria-hidden />
          {making.isPending ? "Saving..." : "Approve and save the rule"}
        </Button>
        <Button look="quiet" hotkey="esc" onClick={onCancel}>
          Back
        </Button>
      </div>
    </form>
  );
}

interface HoldsProps {
  holds: readonly ArgumentHold[];
  onChange: (holds: ArgumentHold[]) => void;
  /** What is wrong, by the argument's place. */
  wrong: ReadonlyMap<number, string>;
}

function Holds({ holds, onChange, wrong }: HoldsProps) {
  const change = (name: string, to: Partial<ArgumentHold>) =>
    onChange(holds.map((each) => (each.name === name ? { ...each, ...to } : each)));
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1.5 font-medium">Next time, each argument may be</legend>
      {holds.map(({ name, value, hold, text }, index) => (
        <div key={name} className="grid grid-cols-[minmax(4rem,7rem)_11rem_minmax(0,1fr)] items-start gap-2">
          <span className="truncate pt-1.5 font-mono text-xs" title={name}>
            {name}
          </span>
          <Select
            autoFocus={index === 0}
            aria-label={`${name} may be`}
            value={hold}
            onChange={(event) => change(name, { hold: event.target.value as Hold })}
          >
            {holdsFor(value).map((each) => (
              <option key={each} value={each}>
                {HOLDS[each]}
              </option>
            ))}
          </Select>
          <div className={cn("min-w-0", hold === "below" || hold === "begins" ? "col-span-3" : "")}>
            {hold === "below" || hold === "begins" ? (
              <Input
                aria-label={hold === "below" ? `${name}: address` : `${name}: beginning`}
                aria-invalid={wrong.has(index) || undefined}
                spellCheck={false}
                value={text}
                onChange={(event) => change(name, { text: event.target.value })}
                className="font-mono text-xs"
              />
            ) : (
              <p className="truncate pt-1.5 font-mono text-muted text-xs">
                {hold === "any" ? "" : typeof value === "string" ? value : JSON.stringify(value)}
              </p>
            )}
            {wrong.has(index) ? (
              <p role="alert" className="mt-1 text-bad-text text-xs">
                {wrong.get(index)}
              </p>
            ) : null}
          </div>
        </div>
      ))}
    </fieldset>
  );
}

/** What the gateway says about conditions, by their place; `other` when there is something besides. */
function placed(thrown: unknown): { at: Map<number, string>; other: boolean } {
  const at = new Map<number, string>();
  if (!thrown) return { at, other: false };
  const { violations } = asProblem(thrown);
  for (const { field, description } of violations) {
    const place = /\bconditions\[(\d+)\]/.exec(field)?.[1];
    if (place) at.set(Number(place), description.charAt(0).toUpperCase() + description.slice(1));
  }
  return { at, other: at.size < violations.length || violations.length === 0 };
}
