// What is read from the gateway: one place for keys, so that events know what to read again.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Transport } from "~/transport/types";
import { call } from "./call";
import { type Due, dueBounds } from "./due";
import { operations } from "./gen/operations";
import type { DeliveryState, InboxItemState, RunState, TaskPriority, TaskState } from "./gen/schemas";

/** Rows of one page of a list. */
export const PAGE_SIZE = 100;
/** Fires of one page of a schedule's history. */
const FIRES_PAGE = 20;
/** Deliveries of one page. */
const DELIVERIES_PAGE = 25;
/** Ledger entries that today's spend is summed from. */
const LEDGER_PAGE = 1000;

/** Keys, from the general to the particular: invalidating one invalidates what begins with it. */
export const keys = {
  me: ["me"] as const,
  workspace: (workspace: string) => [workspace] as const,
  tasks: (workspace: string) => [workspace, "tasks"] as const,
  task: (name: string) => [workspaceKey(name), "task", name] as const,
  comments: (task: string) => [workspaceKey(task), "task", task, "comments"] as const,
  runs: (workspace: string) => [workspace, "runs"] as const,
  run: (name: string) => [workspaceKey(name), "run", name] as const,
  commands: (run: string) => [workspaceKey(run), "commands", run] as const,
  agents: (workspace: string) => [workspace, "agents"] as const,
  agent: (name: string) => [workspaceKey(name), "agent", name] as const,
  inbox: (workspace: string) => [workspace, "inbox"] as const,
  inboxItem: (name: string) => [workspaceKey(name), "inbox", "item", name] as const,
  rules: (workspace: string) => [workspace, "rules"] as const,
  rule: (name: string) => [workspaceKey(name), "rules", "rule", name] as const,
  schedules: (workspace: string) => [workspace, "schedules"] as const,
  schedule: (name: string) => [workspaceKey(name), "schedules", "schedule", name] as const,
  fires: (schedule: string) => [workspaceKey(schedule), "schedules", "fires", schedule] as const,
  channels: (workspace: string) => [workspace, "channels"] as const,
  channel: (name: string) => [workspaceKey(name), "channels", "channel", name] as const,
  deliveries: (workspace: string) => [workspace, "deliveries"] as const,
  models: (workspace: string) => [workspace, "models"] as const,
  usage: (workspace: string) => [workspace, "usage"] as const,
};

const firstPage = "";
const nextPage = (last: { nextPageToken: string }) => last.nextPageToken || undefined;

const workspaceKey = (name: string): string => name.split("/").slice(0, 2).join("/");

/** Who is signed in, and where they are a member. */
export const meQuery = (transport: Transport) =>
  queryOptions({
    queryKey: keys.me,
    queryFn: ({ signal }) => call(transport, operations.getMe, { signal }),
    staleTime: 60_000,
  });

/** What narrows down and orders the board. */
export interface TaskFilter {
  state?: TaskState | undefined;
  assignee?: string | undefined;
  labels?: readonly string[] | undefined;
  priority?: TaskPriority | undefined;
  /** Follows the clock: what it means is settled when it is asked. */
  due?: Due | undefined;
  blocked?: boolean | undefined;
  /** Words in title, brief, labels and checks. */
  query?: string | undefined;
  /** Parts of this task alone. */
  parentTask?: string | undefined;
  /** As the contract writes it: `priority desc`. */
  orderBy?: string | undefined;
}

/** Tasks, newest first unless the filter says otherwise. */
export const tasksQuery = (transport: Transport, workspace: string, { due, ...filter }: TaskFilter = {}) =>
  infiniteQueryOptions({
    queryKey: [...keys.tasks(workspace), { due, ...filter }],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listTasks, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam, ...filter, ...dueBounds(due, Date.now()) },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

/** What people said about a task, the oldest first. */
export const commentsQuery = (transport: Transport, task: string) =>
  infiniteQueryOptions({
    queryKey: keys.comments(task),
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listTaskComments, {
        on: task,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const taskQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.task(name),
    queryFn: ({ signal }) => call(transport, operations.getTask, { on: name, signal }).then((reply) => reply.task),
  });

/** Runs, newest first; of one task, or in one state, if that is said. */
export const runsQuery = (transport: Transport, workspace: string, filter: { state?: RunState; task?: string } = {}) =>
  infiniteQueryOptions({
    queryKey: [...keys.runs(workspace), filter.state ?? "all", filter.task ?? "all"],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listRuns, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam, ...filter },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const runQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.run(name),
    queryFn: ({ signal }) => call(transport, operations.getRun, { on: name, signal }).then((reply) => reply.run),
  });

/** Orders that people gave to a run, newest first, with their receipts. */
export const commandsQuery = (transport: Transport, run: string) =>
  queryOptions({
    queryKey: keys.commands(run),
    queryFn: ({ signal }) =>
      call(transport, operations.listRunCommands, { on: run, signal }).then((reply) => reply.commands),
  });

/** The team. Small enough to be read whole, up to a thousand. */
export const agentsQuery = (transport: Transport, workspace: string) =>
  queryOptions({
    queryKey: keys.agents(workspace),
    queryFn: ({ signal }) =>
      call(transport, operations.listAgents, { on: workspace, query: { pageSize: 1000 }, signal }).then(
        (reply) => reply.agents,
      ),
    staleTime: 15_000,
  });

export const agentQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.agent(name),
    queryFn: ({ signal }) => call(transport, operations.getAgent, { on: name, signal }).then((reply) => reply.agent),
  });

/** Inbox items, newest first, with the count of those that are open. */
export const inboxQuery = (transport: Transport, workspace: string, state?: InboxItemState) =>
  infiniteQueryOptions({
    queryKey: [...keys.inbox(workspace), state ?? "all"],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listInboxItems, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam, state },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const inboxItemQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.inboxItem(name),
    queryFn: ({ signal }) =>
      call(transport, operations.getInboxItem, { on: name, signal }).then((reply) => reply.inboxItem),
  });

/** Approval rules, newest first; also those that have ended, if that is said. */
export const rulesQuery = (transport: Transport, workspace: string, showEnded: boolean) =>
  infiniteQueryOptions({
    queryKey: [...keys.rules(workspace), showEnded ? "all" : "holding"],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listApprovalRules, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam, showEnded: showEnded || undefined },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const ruleQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.rule(name),
    queryFn: ({ signal }) =>
      call(transport, operations.getApprovalRule, { on: name, signal }).then((reply) => reply.approvalRule),
  });

/** Schedules, newest first. */
export const schedulesQuery = (transport: Transport, workspace: string) =>
  infiniteQueryOptions({
    queryKey: [...keys.schedules(workspace), "all"],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listSchedules, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const scheduleQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.schedule(name),
    queryFn: ({ signal }) =>
      call(transport, operations.getSchedule, { on: name, signal }).then((reply) => reply.schedule),
  });

/** Channels that word goes out on, newest first. */
export const channelsQuery = (transport: Transport, workspace: string) =>
  infiniteQueryOptions({
    queryKey: [...keys.channels(workspace), "all"],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listChannels, {
        on: workspace,
        query: { pageSize: PAGE_SIZE, pageToken: pageParam },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

export const channelQuery = (transport: Transport, name: string) =>
  queryOptions({
    queryKey: keys.channel(name),
    queryFn: ({ signal }) =>
      call(transport, operations.getChannel, { on: name, signal }).then((reply) => reply.channel),
  });

/** What was to be told, newest first; of one channel, or in one state, if that is said. */
export const deliveriesQuery = (
  transport: Transport,
  workspace: string,
  filter: { channel?: string | undefined; state?: DeliveryState | undefined } = {},
) =>
  infiniteQueryOptions({
    queryKey: [...keys.deliveries(workspace), filter],
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listDeliveries, {
        on: workspace,
        query: { pageSize: DELIVERIES_PAGE, pageToken: pageParam, ...filter },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

/** Fires of a schedule, newest first. */
export const firesQuery = (transport: Transport, schedule: string) =>
  infiniteQueryOptions({
    queryKey: keys.fires(schedule),
    queryFn: ({ signal, pageParam }) =>
      call(transport, operations.listScheduleFires, {
        on: schedule,
        query: { pageSize: FIRES_PAGE, pageToken: pageParam },
        signal,
      }),
    initialPageParam: firstPage,
    getNextPageParam: nextPage,
  });

/** Models that agents can be given. */
export const modelsQuery = (transport: Transport, workspace: string) =>
  queryOptions({
    queryKey: keys.models(workspace),
    queryFn: ({ signal }) => call(transport, operations.listModels, { on: workspace, signal }),
    staleTime: 60_000,
  });

/** The newest part of the ledger. */
export const ledgerQuery = (transport: Transport, workspace: string) =>
  queryOptions({
    queryKey: keys.usage(workspace),
    queryFn: ({ signal }) =>
      call(transport, operations.listUsage, { on: workspace, query: { pageSize: LEDGER_PAGE }, signal }),
    staleTime: 10_000,
  });
