// The team: who is on it, and a look at one.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import type { Agent } from "~/api/gen/schemas";
import { agentsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { UnreadNote } from "~/shared/ui/problem-note";
import { Fact, Facts, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Since } from "~/shared/ui/time";
import { Avatar } from "./avatar";
import { TOOLS } from "./draft";
import { SimulatorMember } from "./simulator-member";

export function Team() {
  const search = useSearch({ from: "/signed-in/team" });
  const navigate = useNavigate({ from: "/team" });
  const list = useQuery(agentsQuery(useTransport(), useWorkspace()));
  const agents = list.data ?? [];
  const selected = search.agent ?? null;
  const select = (agent: string | null) => void navigate({ search: { agent: agent ?? undefined }, replace: true });
  useListKeys({
    ids: agents.map((agent) => idOf(agent.name)),
    selected,
    onSelect: select,
    onOpen: (agent) => void navigate({ to: "/team/$agent", params: { agent } }),
  });
  const peeked = agents.find((agent) => idOf(agent.name) === selected);
  const add = (
    <Button look={agents.length === 0 ? "primary" : "plain"} asChild>
      <Link to="/team/new">
        <Plus aria-hidden />
        New team member
      </Link>
    </Button>
  );
  return (
    <Screen title="Team" aside={list.data ? agents.length : undefined} actions={agents.length > 0 ? add : null}>
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : agents.length === 0 ? (
        <Empty
          icon={Users}
          title="Nobody is on the team yet"
          action={
            <>
              {add}
              <SimulatorMember
                onAdded={(agent) => void navigate({ to: "/tasks/new", search: { assignee: idOf(agent.name) } })}
              />
            </>
          }
        >
          A team member is a model with instructions, tools and limits. To look around first, add the simulator: no
          model, no key, made-up prices.
        </Empty>
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <ul aria-label="Team">
              {agents.map((agent) => (
                <Row
                  key={agent.name}
                  selected={idOf(agent.name) === selected}
                  render={(content) => <Link to="/team" search={{ agent: idOf(agent.name) }} replace {...content} />}
                >
                  <Avatar agent={agent} />
                  <span className="min-w-0 truncate font-medium">{agent.displayName}</span>
                  <span className="min-w-0 flex-1 truncate text-muted">{agent.role}</span>
                  <span className="hidden shrink-0 font-mono text-muted text-xs @xl:block">{agent.spec.model}</span>
                  <span className="w-24 shrink-0 text-right text-muted">
                    {agent.latestVersion > 0 ? `v${agent.latestVersion}` : "not published"}
                  </span>
                </Row>
              ))}
            </ul>
          }
          peek={peeked ? <AgentPeek agent={peeked} /> : null}
        />
      )}
    </Screen>
  );
}

function AgentPeek({ agent }: { agent: Agent }) {
  const id = idOf(agent.name);
  return (
    <section aria-label={agent.displayName} className="space-y-5 p-5">
      <div className="flex items-center gap-3">
        <Avatar agent={agent} large />
        <div>
          <h2 className="font-semibold text-lg">{agent.displayName}</h2>
          <p className="text-muted">{agent.role}</p>
        </div>
      </div>
      <Facts>
        <Fact name="Model">
          <span className="font-mono text-xs">{agent.spec.model}</span>
        </Fact>
        <Fact name="Version">
          {agent.latestVersion > 0 ? `v${agent.latestVersion}` : "not published: it cannot run yet"}
        </Fact>
        <Fact name="Tools">{toolWords(agent)}</Fact>
        <Fact name="Changed">
          <Since time={agent.updateTime} />
        </Fact>
      </Facts>
      <div>
        <h3 className="mb-1.5 text-muted">Instructions</h3>
        <p className="line-clamp-[12] whitespace-pre-wrap break-words">{agent.spec.instructions}</p>
      </div>
      <div className="flex gap-2">
        <Button look="primary" asChild>
          <Link to="/tasks/new" search={{ assignee: id }}>
            Give {agent.displayName} a task
          </Link>
        </Button>
        <Button hotkey="enter" asChild>
          <Link to="/team/$agent" params={{ agent: id }}>
            Edit
          </Link>
        </Button>
      </div>
    </section>
  );
}

/** `Write files, Ask you; asks before: Change things on the web`. */
function toolWords(agent: Agent): string {
  const words = (asks: boolean) =>
    agent.spec.tools
      .filter((grant) => grant.policy !== "TOOL_POLICY_DENY" && (grant.policy === "TOOL_POLICY_ASK") === asks)
      .map((grant) => TOOLS.find((each) => each.tool === grant.tool)?.label ?? grant.tool)
      .join(", ");
  const asked = words(true);
  return [words(false), asked && `asks before: ${asked}`].filter(Boolean).join("; ") || "none";
}
