// Says something to the agent while it works; the receipt is a row of the timeline.
import { useRef } from "react";
import type { Run } from "~/api/gen/schemas";
import { useMay } from "~/app/workspace/workspace";
import { useRunOrders } from "~/features/runs/use-run-orders";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Kbd } from "~/shared/ui/kbd";
import { hasEnded } from "~/shared/ui/status";
import { refusal, useSteerDrafts } from "./steer-drafts";

/** When what is said now is read. */
function whenRead(run: Run): string {
  if (run.state === "RUN_STATE_PAUSED") return "It is paused, and reads this when it is resumed.";
  if (run.state === "RUN_STATE_WAITING") return "It waits, and reads this when it goes on.";
  if (run.state === "RUN_STATE_QUEUED") return "It has not begun, and reads this when it does.";
  return "It reads this after its next answer.";
}

export function Steer({ run }: { run: Run }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const may = useMay("ROLE_OPERATOR");
  const orders = useRunOrders(run.name);
  const draft = useSteerDrafts(({ drafts }) => drafts[run.name]);
  const keep = useSteerDrafts((state) => state.keep);
  const shown = may && !hasEnded(run.state);
  useKeys(
    {
      s: (event) => {
        event.preventDefault();
        box.current?.focus();
      },
    },
    shown,
  );
  if (!shown) return null;

  const text = draft?.text ?? "";
  const wrong = refusal(text);
  const empty = text.trim() === "";
  const running = run.state === "RUN_STATE_RUNNING";
  const name = run.agentDisplayName || "the agent";
  const send = (interrupt: boolean) => {
    if (!draft || empty || wrong || orders.isPending) return;
    const sent = { order: "steer", text, interrupt, requestId: draft.requestId } as const;
    // What did not arrive stays in the box, to be sent again under the same key.
    orders.mutate(sent, { onSuccess: () => keep(run.name, "") });
  };

  return (
    <form
      aria-label={`Steer ${name}`}
      className="flex shrink-0 flex-wrap items-end gap-x-2 gap-y-1.5 border-t bg-raised px-4 py-2"
      onSubmit={(event) => {
        event.preventDefault();
        send(false);
      }}
    >
      <div className="relative min-w-0 flex-1 basis-64">
        <textarea
          ref={box}
          rows={1}
          aria-label={`Say something to ${name}`}
          aria-keyshortcuts="s"
          aria-invalid={wrong !== null}
          aria-describedby="steer-note"
          placeholder={`Steer ${name}...`}
          value={text}
          onChange={(event) => keep(run.name, event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") event.currentTarget.blur();
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            send(running && (event.ctrlKey || event.metaKey));
          }}
          className="field-sizing-content block max-h-40 min-h-[30px] w-full resize-none rounded-control border bg-bg py-[5px] pr-8 pl-2.5 leading-[18px] hover:border-edge"
        />
        {text === "" ? <Kbd keys="s" className="pointer-events-none absolute top-[6px] right-2" /> : null}
      </div>
      {empty ? null : (
        <>
          <Button type="submit" look="primary" hotkey="enter" busy={orders.isPending} disabled={wrong !== null}>
            Send
          </Button>
          {running ? (
            <Button
              hotkey="mod+enter"
              busy={orders.isPending}
              disabled={wrong !== null}
              title="Stops the model call that is under way; what it cost so far is paid, and the step is asked again."
              onClick={() => send(true)}
            >
              Break in
            </Button>
          ) : null}
          <p
            id="steer-note"
            role={wrong ? "alert" : undefined}
            className={wrong ? "basis-full text-bad-text text-xs" : "basis-full text-muted text-xs"}
          >
            {wrong ??
              `${whenRead(run)}${running ? " Breaking in stops the model call, and the step is asked again." : ""}`}
          </p>
        </>
      )}
    </form>
  );
}
