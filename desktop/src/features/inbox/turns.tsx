// What led to a question: the last turns of the conversation, cut, with what was said in the same breath at the end.
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ConversationTurn, InboxItem, TurnRole } from "~/api/gen/schemas";
import { plural } from "~/shared/format/count";
import { idOf } from "~/shared/format/name";
import { cn } from "~/shared/ui/cn";

/** Turns that are shown before anybody asks for more. */
const SHOWN = 2;

export function Turns({ item }: { item: InboxItem }) {
  const [all, setAll] = useState(false);
  const turns = turnsOf(item);
  if (turns.length === 0) return null;
  const hidden = all ? 0 : Math.max(0, turns.length - SHOWN);
  return (
    <section aria-label="What led to this">
      <h3 className="mb-1.5 flex items-baseline gap-3 text-muted">
        What led to this
        {hidden > 0 ? (
          <button
            type="button"
            onClick={() => setAll(true)}
            className="rounded-control text-accent-text text-xs hover:underline"
          >
            Show {plural(hidden, "turn")} before
          </button>
        ) : null}
        <Link
          to="/runs/$run"
          params={{ run: idOf(item.run) }}
          className="ml-auto rounded-control text-xs underline decoration-line underline-offset-3 hover:text-text"
        >
          All of it
        </Link>
      </h3>
      <ol className="space-y-2">
        {turns.slice(hidden).map((turn, index) => (
          <Turn
            // biome-ignore lint/suspicious/noArrayIndexKey: turns of an item never change
            key={hidden + index}
            turn={turn}
            agent={item.agentDisplayName}
            last={index === turns.length - hidden - 1}
          />
        ))}
      </ol>
    </section>
  );
}

/**
 * The turns, and what the agent said as it asked; models may say the same twice. The call that is asked about stands above
 * in full, so it is left out here.
 */
export function turnsOf({
  turns,
  context,
  tool,
}: Pick<InboxItem, "turns" | "context" | "tool">): readonly ConversationTurn[] {
  const said = context.trim();
  const last = turns.at(-1);
  const before = last?.role === "TURN_ROLE_ASSISTANT" ? [...turns.slice(0, -1), ...withoutCall(last, tool)] : turns;
  if (said === "" || before.at(-1)?.text.startsWith(said.slice(0, 400))) return before;
  return [...before, { role: "TURN_ROLE_ASSISTANT", text: said, cut: false }];
}

/** A turn without its calls of `tool`; nothing if there is nothing else in it. */
function withoutCall(turn: ConversationTurn, tool: string): ConversationTurn[] {
  const at = tool === "" ? -1 : `\n${turn.text}`.indexOf(`\n→ ${tool} `);
  if (at === -1) return [turn];
  const text = turn.text.slice(0, at).trim();
  return text === "" ? [] : [{ ...turn, text, cut: false }];
}

const SPEAKERS: Partial<Record<TurnRole, string>> = { TURN_ROLE_USER: "Asked of it", TURN_ROLE_TOOL: "Tools" };

function Turn({ turn, agent, last }: { turn: ConversationTurn; agent: string; last: boolean }) {
  const [open, setOpen] = useState(false);
  const agents = turn.role === "TURN_ROLE_ASSISTANT";
  const long = turn.text.length > 240 || turn.text.split("\n").length > 4;
  return (
    <li className={cn("border-l-2 pl-3", agents ? "border-accent/50" : "")}>
      <p className="text-faint text-xs">{agents ? agent || "The agent" : (SPEAKERS[turn.role] ?? "Somebody")}</p>
      <p
        className={cn(
          "whitespace-pre-wrap text-pretty break-words",
          turn.role === "TURN_ROLE_TOOL" ? "font-mono text-xs" : "",
          last ? "" : "text-muted",
          long && !open && "line-clamp-4",
        )}
      >
        {turn.text}
        {turn.cut ? "..." : ""}
      </p>
      {long ? (
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen((now) => !now)}
          className="rounded-control text-accent-text text-xs hover:underline"
        >
          {open ? "Less" : "More"}
        </button>
      ) : null}
    </li>
  );
}
