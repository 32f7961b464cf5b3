// Writing to the team: adding, changing and publishing members.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Agent } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { type AgentDraft, specOf } from "./draft";

/** What a member is made of, beside the form. */
interface Making {
  draft: AgentDraft;
  /** Stays the same when the same form is sent again, so that nobody is added twice. */
  requestId: string;
}

/** Adds a member and publishes it, so that it can be given work at once. */
export function useAddAgent() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ draft, requestId }: Making): Promise<Agent> => {
      const body = { displayName: draft.displayName, role: draft.role, spec: specOf(draft) };
      const { agent } = await call(transport, operations.createAgent, {
        on: workspace,
        body,
        idempotencyKey: requestId,
      });
      await call(transport, operations.publishAgent, { on: agent.name, body: {} });
      return { ...agent, latestVersion: 1 };
    },
    onSuccess: (agent) => {
      queries.setQueryData<Agent[]>(keys.agents(workspace), (all) =>
        all ? [agent, ...all.filter((each) => each.name !== agent.name)] : all,
      );
      void queries.invalidateQueries({ queryKey: keys.agents(workspace) });
    },
  });
}

/** Saves the draft of a member, if it is still as it was read, and publishes it if that is asked for. */
export function useSaveAgent(agent: Agent) {
  const transport = useTransport();
  const workspace = useWorkspace();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ draft, publish }: { draft: AgentDraft; publish: boolean }): Promise<Agent> => {
      const body = { displayName: draft.displayName, role: draft.role, spec: specOf(draft, agent.spec) };
      const saved = await call(transport, operations.updateAgent, { on: agent.name, body, ifMatch: agent.etag });
      if (!publish) return saved.agent;
      const { agentVersion } = await call(transport, operations.publishAgent, { on: agent.name, body: {} });
      return { ...saved.agent, latestVersion: agentVersion.version };
    },
    onSuccess: (saved) => queries.setQueryData(keys.agent(saved.name), saved),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.agents(workspace) });
      void queries.invalidateQueries({ queryKey: keys.agent(agent.name) });
    },
  });
}
