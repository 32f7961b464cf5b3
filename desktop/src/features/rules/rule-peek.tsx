// One rule: what it allows, whom, since when, how often it was used, and taking it back.
import { Link } from "@tanstack/react-router";
import { ShieldOff } from "lucide-react";
import type { Agent, ApprovalRule } from "~/api/gen/schemas";
import { useMay, useMe } from "~/app/workspace/workspace";
import { idOf } from "~/shared/format/name";
import { absolute, until } from "~/shared/format/time";
import { Button } from "~/shared/ui/button";
import { Fact, Facts } from "~/shared/ui/screen";
import { Status } from "~/shared/ui/status";
import { Since, useNow } from "~/shared/ui/time";
import { ConditionList } from "./condition-list";
import { useRevokeRule } from "./use-rules";
import { ruleLook, usesWords } from "./words";

export function RulePeek({ rule, agent }: { rule: ApprovalRule; agent: Agent | undefined }) {
  const may = useMay("ROLE_ADMIN");
  const me = useMe().user.name;
  const now = useNow();
  const revoking = useRevokeRule();
  const [look, word] = ruleLook(rule);
  const who = agent?.displayName ?? "An agent that is gone";
  const by = (user: string) => (user === me ? "you" : "somebody else");
  return (
    <section aria-label="The rule" className="space-y-5 p-5">
      <div className="space-y-2">
        <Status look={look} word={word} />
        <h2 className="text-pretty font-semibold text-lg">
          {who} may use <code className="rounded-control bg-sunken px-1.5 py-0.5 text-[0.92em]">{rule.tool}</code>{" "}
          without asking
        </h2>
        <p className="text-muted">In every version, when all of this fits; everything else is asked about as before.</p>
      </div>
      <ConditionList conditions={rule.conditions} />
      {rule.note ? <p className="text-pretty break-words border-l-2 pl-3 text-muted">{rule.note}</p> : null}
      <Facts>
        <Fact name="Uses">
          <span className="tabular-nums">{usesWords(rule.useCount)}</span>
          {rule.lastUseTime ? (
            <>
              , last <Since time={rule.lastUseTime} />
            </>
          ) : null}
        </Fact>
        <Fact name="Made">
          <Since time={rule.createTime} /> by {by(rule.creator)}
          {rule.inboxItem ? (
            <>
              ,{" "}
              <Link
                to="/inbox"
                search={{ item: idOf(rule.inboxItem), show: "decided" }}
                className="underline decoration-line underline-offset-3 hover:decoration-current"
              >
                of this approval
              </Link>
            </>
          ) : null}
        </Fact>
        <Fact name="Holds">
          {rule.state === "APPROVAL_RULE_STATE_REVOKED" ? (
            <>
              revoked <Since time={rule.revokeTime} /> by {by(rule.revoker)}
            </>
          ) : rule.expireTime ? (
            <time dateTime={rule.expireTime} title={absolute(rule.expireTime)} className="tabular-nums">
              {rule.state === "APPROVAL_RULE_STATE_EXPIRED"
                ? "no longer"
                : `for another ${until(rule.expireTime, now)}`}
            </time>
          ) : (
            "for good"
          )}
        </Fact>
      </Facts>
      {rule.state !== "APPROVAL_RULE_STATE_ACTIVE" ? null : may ? (
        <div className="space-y-2">
          <Button look="danger" busy={revoking.isPending} onClick={() => revoking.mutate(rule.name)}>
            <ShieldOff aria-hidden />
            {revoking.isPending ? "Revoking..." : "Revoke"}
          </Button>
          <p className="text-muted text-xs">You are asked again from then on; what it has allowed is not taken back.</p>
        </div>
      ) : (
        <p className="text-muted">You may look; revoking takes an admin.</p>
      )}
    </section>
  );
}
