// Approval rules: what is not asked about any more, how often that was used, and taking it back.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronLeft, ShieldCheck } from "lucide-react";
import type { Agent, ApprovalRule } from "~/api/gen/schemas";
import { agentsQuery, ruleQuery, rulesQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { useListKeys } from "~/shared/keyboard/use-list-keys";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { LoadMore } from "~/shared/ui/load-more";
import { ProblemNote, UnreadNote } from "~/shared/ui/problem-note";
import { Filters, Row, RowsLoading, Screen, Split } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Ago } from "~/shared/ui/time";
import { RulePeek } from "./rule-peek";
import { ruleLine, ruleLook, usesWords } from "./words";

const FILTERS = [
  { value: "holding", label: "Hold" },
  { value: "all", label: "All" },
] as const;

/** Where uses are counted, they are read again this often, in ms: no event tells of them. */
const USES_MS = 15_000;

export function Rules() {
  const search = useSearch({ from: "/signed-in/inbox/rules" });
  const navigate = useNavigate({ from: "/inbox/rules" });
  const transport = useTransport();
  const workspace = useWorkspace();
  const show = search.ended ? "all" : "holding";
  const list = useInfiniteQuery({
    ...rulesQuery(transport, workspace, show === "all"),
    refetchInterval: USES_MS,
  });
  const agents = useQuery(agentsQuery(transport, workspace)).data ?? [];
  const rules = list.data?.pages.flatMap((page) => page.approvalRules) ?? [];
  const selected = search.rule ?? null;
  const select = (rule: string | null) =>
    void navigate({ search: (now) => ({ ...now, rule: rule ?? undefined }), replace: true });
  useListKeys({ ids: rules.map((rule) => idOf(rule.name)), selected, onSelect: select });
  return (
    <Screen
      title="Approval rules"
      aside={list.data ? `${rules.length}${list.hasNextPage ? "+" : ""}` : undefined}
      actions={
        <Button size="sm" look="quiet" asChild>
          <Link to="/inbox">
            <ChevronLeft aria-hidden />
            Inbox
          </Link>
        </Button>
      }
      filters={
        <Filters
          label="Show"
          options={FILTERS}
          value={show}
          onChange={(value) => void navigate({ search: value === "holding" ? {} : { ended: true } })}
        />
      }
    >
      {list.error && !list.data ? (
        <UnreadNote problem={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <RowsLoading />
      ) : rules.length === 0 && selected === null ? (
        <NoRules all={show === "all"} />
      ) : (
        <Split
          onClose={() => select(null)}
          list={
            <>
              <ul aria-label="Approval rules">
                {rules.map((rule) => (
                  <RuleRow
                    key={rule.name}
                    rule={rule}
                    agent={agents.find((agent) => agent.name === rule.agent)}
                    selected={idOf(rule.name) === selected}
                  />
                ))}
              </ul>
              {rules.length === 0 ? <p className="px-4 py-8 text-center text-muted">No rule holds.</p> : null}
              <LoadMore list={list} />
            </>
          }
          peek={
            selected ? (
              <Peek
                key={selected}
                id={selected}
                listed={rules.find((rule) => idOf(rule.name) === selected)}
                agents={agents}
              />
            ) : null
          }
        />
      )}
    </Screen>
  );
}

function RuleRow({ rule, agent, selected }: { rule: ApprovalRule; agent: Agent | undefined; selected: boolean }) {
  const [look, word] = ruleLook(rule);
  const holds = rule.state === "APPROVAL_RULE_STATE_ACTIVE";
  return (
    <Row
      selected={selected}
      render={(content) => (
        <Link to="/inbox/rules" search={(now) => ({ ...now, rule: idOf(rule.name) })} replace {...content} />
      )}
    >
      <Status look={look} word={word} silent={holds} />
      <span className="min-w-0 flex-1 py-2">
        <span className="block truncate">
          {agent?.displayName ?? "Somebody"} may use <code className="text-xs">{rule.tool}</code>
        </span>
        <span className="block truncate text-muted text-xs">{ruleLine(rule)}</span>
      </span>
      <span className="hidden shrink-0 text-right text-muted tabular-nums @md:block">{usesWords(rule.useCount)}</span>
      <Ago time={rule.lastUseTime ?? rule.createTime} className="w-14 shrink-0 text-right text-muted tabular-nums" />
    </Row>
  );
}

/** From the list, or read by itself when a link leads to one that is not listed. */
function Peek({ id, listed, agents }: { id: string; listed: ApprovalRule | undefined; agents: readonly Agent[] }) {
  const name = `${useWorkspace()}/approvalRules/${id}`;
  const read = useQuery({ ...ruleQuery(useTransport(), name), enabled: listed === undefined });
  const rule = listed ?? read.data;
  if (rule) return <RulePeek rule={rule} agent={agents.find((agent) => agent.name === rule.agent)} />;
  if (!read.error) return <RowsLoading rows={4} />;
  return (
    <ProblemNote problem={read.error} className="m-4">
      <Button size="sm" asChild>
        <Link to="/inbox/rules">All rules</Link>
      </Button>
    </ProblemNote>
  );
}

function NoRules({ all }: { all: boolean }) {
  return (
    <Empty
      icon={ShieldCheck}
      title={all ? "There has never been a rule" : "You are asked every time"}
      action={
        <Button asChild>
          <Link to="/inbox">Open the inbox</Link>
        </Button>
      }
    >
      When you are asked the same thing again and again, choose "Always allow" at an approval. The rule is as narrow or
      as wide as you make it, is listed here with its uses, and can be revoked at any time.
    </Empty>
  );
}
