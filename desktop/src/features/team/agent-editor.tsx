// The screens of one team member: a new one, and one that is there.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { toast } from "sonner";
import type { Agent } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { agentQuery, modelsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useMay, useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { ProblemNote } from "~/shared/ui/problem-note";
import { RowsLoading, Screen } from "~/shared/ui/screen";
import { AgentForm } from "./agent-form";
import { type AgentDraft, draftOf, newDraft } from "./draft";
import { useAddAgent, useSaveAgent } from "./use-agents";

/** A new member. With a purpose, it leads back to where it is needed. */
export function NewAgent({ purpose }: { purpose?: "task" | undefined }) {
  const navigate = useNavigate();
  const add = useAddAgent();
  const requestId = useRef(crypto.randomUUID());
  const models = useQuery(modelsQuery(useTransport(), useWorkspace()));
  if (models.isPending) return <RowsLoading />;
  const only = models.data?.models.filter((model) => !model.simulated) ?? [];
  const model = only.length === 1 ? (only[0]?.id ?? "") : "";

  const submit = async (draft: AgentDraft) => {
    const agent = await add.mutateAsync({ draft, requestId: requestId.current });
    toast.success(`${agent.displayName} is on the team`);
    if (purpose === "task") await navigate({ to: "/tasks/new", search: { assignee: idOf(agent.name) } });
    else await navigate({ to: "/team", search: { agent: idOf(agent.name) } });
  };
  return (
    <Screen title="New team member">
      <Column>
        <AgentForm id="new-agent" initial={newDraft(model)} onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button type="submit" look="primary" hotkey="mod+enter" busy={busy}>
                {busy ? "Adding..." : "Add to the team"}
              </Button>
              <Button look="quiet" asChild>
                <Link to="/team">Cancel</Link>
              </Button>
            </div>
          )}
        </AgentForm>
      </Column>
    </Screen>
  );
}

/** A member as it is. */
export function EditAgent({ id }: { id: string }) {
  const name = `${useWorkspace()}/agents/${id}`;
  const agent = useQuery({ ...agentQuery(useTransport(), name), refetchOnWindowFocus: false });
  const [edition, setEdition] = useState(0);
  if (!agent.data) {
    return agent.error ? (
      <ProblemNote problem={agent.error} className="m-4">
        <Button size="sm" asChild>
          <Link to="/team">The team</Link>
        </Button>
      </ProblemNote>
    ) : (
      <RowsLoading />
    );
  }
  const readAgain = async () => {
    await agent.refetch();
    setEdition((now) => now + 1);
  };
  return <Editor key={`${name}#${edition}`} agent={agent.data} onReadAgain={() => void readAgain()} />;
}

function Editor({ agent, onReadAgain }: { agent: Agent; onReadAgain: () => void }) {
  const navigate = useNavigate();
  const save = useSaveAgent(agent);
  const mayEdit = useMay("ROLE_ADMIN");
  const publishes = useRef(true);
  const changed = save.error && asProblem(save.error).reason === "ETAG_MISMATCH";

  const submit = async (draft: AgentDraft) => {
    const publish = publishes.current;
    try {
      const saved = await save.mutateAsync({ draft, publish });
      toast.success(publish ? `${saved.displayName} v${saved.latestVersion} is what runs from now on` : "Draft saved");
      if (publish) await navigate({ to: "/team", search: { agent: idOf(agent.name) } });
    } catch (thrown) {
      if (asProblem(thrown).reason !== "ETAG_MISMATCH") throw thrown;
    }
  };
  return (
    <Screen title={agent.displayName} aside={agent.latestVersion > 0 ? `v${agent.latestVersion}` : "not published"}>
      <Column>
        {mayEdit ? null : <p className="mb-4 text-muted">You may look; changing the team takes an admin.</p>}
        {changed ? (
          <ProblemNote problem={save.error} className="mb-4">
            <Button size="sm" onClick={onReadAgain}>
              Read it again and drop my changes
            </Button>
          </ProblemNote>
        ) : null}
        <AgentForm id="agent" initial={draftOf(agent)} onSubmit={submit}>
          {({ busy }) => (
            <div className="flex gap-2 border-t pt-4">
              <Button
                type="submit"
                look="primary"
                hotkey="mod+enter"
                busy={busy}
                disabled={!mayEdit}
                onClick={() => {
                  publishes.current = true;
                }}
              >
                Publish v{agent.latestVersion + 1}
              </Button>
              <Button
                type="submit"
                busy={busy}
                disabled={!mayEdit}
                onClick={() => {
                  publishes.current = false;
                }}
              >
                Save the draft
              </Button>
            </div>
          )}
        </AgentForm>
      </Column>
    </Screen>
  );
}

function Column({ children }: { children: React.ReactNode }) {
  return (
    <div className="h-full overflow-auto">
      <div className="mx-auto max-w-2xl p-6">{children}</div>
    </div>
  );
}
