// A look at one run without leaving the list.
import { Link } from "@tanstack/react-router";
import type { Run } from "~/api/gen/schemas";
import { idOf, versionLabel } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { Fact, Facts } from "~/shared/ui/screen";
import { hasEnded, RunStatus } from "~/shared/ui/status";
import { Since, useNow, Wake } from "~/shared/ui/time";
import { costNote, elapsed, restWords, runCost } from "./words";

export function RunPeek({ run }: { run: Run }) {
  const now = useNow();
  const rest = restWords(run);
  return (
    <section aria-label={run.title || "Run"} className="space-y-5 p-5">
      <div className="space-y-2">
        <RunStatus run={run} />
        <h2 className="text-pretty font-semibold text-lg">{run.title || "Untitled"}</h2>
      </div>
      <Facts>
        <Fact name="Agent">
          {run.agentDisplayName} <span className="text-muted">{versionLabel(run.agentVersion)}</span>
        </Fact>
        <Fact name="Model">
          <span className="font-mono text-xs">{run.model || "unknown"}</span>
        </Fact>
        <Fact name="Queued">
          <Since time={run.createTime} />
        </Fact>
        {rest ? (
          <Fact name={rest.verb}>
            <Wake time={run.wakeTime} className="tabular-nums" />
          </Fact>
        ) : null}
        <Fact name={hasEnded(run.state) ? "Took" : run.startTime ? "At it for" : "Queued for"}>
          <span className="tabular-nums">{elapsed(run, now)}</span>
        </Fact>
        <Fact name="Cost">
          <span className="tabular-nums">{runCost(run)}</span>
          {costNote(run) ? <span className="block text-muted text-xs">{costNote(run)}</span> : null}
        </Fact>
        <Fact name="Model calls">
          <span className="tabular-nums">{run.steps}</span>
        </Fact>
      </Facts>
      {run.summary ? <p className="text-pretty rounded-panel bg-good-soft px-3 py-2.5">{run.summary}</p> : null}
      {run.error ? (
        <p className="text-pretty break-words rounded-panel bg-bad-soft px-3 py-2.5">{run.error.message}</p>
      ) : null}
      <div className="flex gap-2">
        <Button look="primary" hotkey="enter" asChild>
          <Link to="/runs/$run" params={{ run: idOf(run.name) }}>
            Open the run
          </Link>
        </Button>
        {run.openInboxItems > 0 ? (
          <Button asChild>
            <Link to="/inbox">Answer it</Link>
          </Button>
        ) : null}
      </div>
    </section>
  );
}
