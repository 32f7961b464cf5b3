// The map of screens. Each is loaded when it is first opened.
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { z } from "zod";
import { BoardSearch } from "~/features/tasks/board";
import type { Transport } from "~/transport/types";
import { LoadFailed, NotHere } from "./fallbacks";
import { Shell } from "./shell/shell";

/** What routes may ask before they show anything. */
export interface RouteContext {
  transport: Transport;
  queries: QueryClient;
}

const root = createRootRouteWithContext<RouteContext>()({
  component: Outlet,
  notFoundComponent: NotHere,
  errorComponent: LoadFailed,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: z.object({ next: z.string().startsWith("/").optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("~/routes/sign-in"), "SignIn"),
});

/** Everything that needs a session; where a person wanted to go is kept for after signing in. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: ({ context, location }) => {
    if (context.transport.session.get().state !== "signedOut") return;
    const next = location.href === "/" ? undefined : location.href;
    throw redirect({ to: "/sign-in", search: next ? { next } : {} });
  },
  component: Shell,
});

const home = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/inbox", replace: true });
  },
});

const text = z.string().optional().catch(undefined);

const inbox = createRoute({
  getParentRoute: () => signedIn,
  path: "/inbox",
  validateSearch: z.object({ item: text, show: z.enum(["open", "decided", "void"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("~/routes/inbox"), "InboxScreen"),
});

const rules = createRoute({
  getParentRoute: () => signedIn,
  path: "/inbox/rules",
  validateSearch: z.object({ rule: text, ended: z.boolean().optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("~/routes/rules"), "RulesScreen"),
});

const tasks = createRoute({
  getParentRoute: () => signedIn,
  path: "/tasks",
  validateSearch: BoardSearch,
  component: lazyRouteComponent(() => import("~/routes/tasks"), "TasksScreen"),
});

const newTask = createRoute({
  getParentRoute: () => signedIn,
  path: "/tasks/new",
  validateSearch: z.object({ assignee: text, parent: text }),
  component: lazyRouteComponent(() => import("~/routes/new-task"), "NewTaskScreen"),
});

const runs = createRoute({
  getParentRoute: () => signedIn,
  path: "/runs",
  validateSearch: z.object({ state: text, run: text }),
  component: lazyRouteComponent(() => import("~/routes/runs"), "RunsScreen"),
});

const run = createRoute({
  getParentRoute: () => signedIn,
  path: "/runs/$run",
  component: lazyRouteComponent(() => import("~/routes/run"), "RunScreen"),
});

const team = createRoute({
  getParentRoute: () => signedIn,
  path: "/team",
  validateSearch: z.object({ agent: text }),
  component: lazyRouteComponent(() => import("~/routes/team"), "TeamScreen"),
});

const newAgent = createRoute({
  getParentRoute: () => signedIn,
  path: "/team/new",
  validateSearch: z.object({ for: z.literal("task").optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("~/routes/agent"), "NewAgentScreen"),
});

const agent = createRoute({
  getParentRoute: () => signedIn,
  path: "/team/$agent",
  component: lazyRouteComponent(() => import("~/routes/agent"), "AgentScreen"),
});

const schedules = createRoute({
  getParentRoute: () => signedIn,
  path: "/schedules",
  validateSearch: z.object({ schedule: text }),
  component: lazyRouteComponent(() => import("~/routes/schedules"), "SchedulesScreen"),
});

const newSchedule = createRoute({
  getParentRoute: () => signedIn,
  path: "/schedules/new",
  component: lazyRouteComponent(() => import("~/routes/schedule"), "NewScheduleScreen"),
});

const schedule = createRoute({
  getParentRoute: () => signedIn,
  path: "/schedules/$schedule",
  component: lazyRouteComponent(() => import("~/routes/schedule"), "ScheduleScreen"),
});

const settings = createRoute({
  getParentRoute: () => signedIn,
  path: "/settings",
  component: lazyRouteComponent(() => import("~/routes/settings"), "SettingsScreen"),
});

const notifications = createRoute({
  getParentRoute: () => signedIn,
  path: "/settings/notifications",
  validateSearch: z.object({ channel: text, list: z.enum(["all", "dead"]).optional().catch(undefined) }),
  component: lazyRouteComponent(() => import("~/routes/notifications"), "NotificationsScreen"),
});

const newChannel = createRoute({
  getParentRoute: () => signedIn,
  path: "/settings/notifications/new",
  component: lazyRouteComponent(() => import("~/routes/notifications"), "NewChannelScreen"),
});

const channel = createRoute({
  getParentRoute: () => signedIn,
  path: "/settings/notifications/$channel",
  component: lazyRouteComponent(() => import("~/routes/notifications"), "ChannelScreen"),
});

const tree = root.addChildren([
  signIn,
  signedIn.addChildren([
    home,
    inbox,
    rules,
    tasks,
    newTask,
    runs,
    run,
    team,
    newAgent,
    agent,
    settings,
    notifications,
    newChannel,
    channel,
    schedules,
    newSchedule,
    schedule,
  ]),
]);

/** The router over one transport and one cache. */
export function createAppRouter(transport: Transport, queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { transport, queries },
    defaultPreload: "intent",
    defaultPendingMs: 150,
    defaultErrorComponent: LoadFailed,
    defaultNotFoundComponent: NotHere,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
