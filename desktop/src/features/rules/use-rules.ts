// Writing approval rules: making one, and taking one back.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { ApprovalRule, ArgumentCondition } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";

export interface NewRule {
  agent: string;
  tool: string;
  conditions: ArgumentCondition[];
  note: string;
  expireTime?: string;
}

/** Makes a rule. Sending it again with the same `requestId` makes nothing twice. */
export function useMakeRule() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ rule, requestId }: { rule: NewRule; requestId: string }): Promise<ApprovalRule> => {
      const options = { on: workspace, body: rule, idempotencyKey: requestId };
      return (await call(transport, operations.createApprovalRule, options)).approvalRule;
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.rules(workspace) }),
  });
}

/** Takes a rule back: from then on people are asked again. */
export function useRevokeRule() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (rule: string): Promise<ApprovalRule> =>
      (await call(transport, operations.revokeApprovalRule, { on: rule, body: {} })).approvalRule,
    onSuccess: (rule) => {
      queries.setQueryData(keys.rule(rule.name), rule);
      toast.success("Revoked. You are asked again from now on.");
    },
    onError: (thrown) => toast.error(`Not revoked: ${asProblem(thrown).detail}`),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.rules(workspace) }),
  });
}
