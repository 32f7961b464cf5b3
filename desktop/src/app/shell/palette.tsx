// The palette: every place, every action, and the newest tasks, runs and team members.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import {
  Activity,
  BellRing,
  CalendarClock,
  CalendarPlus,
  Inbox,
  Keyboard,
  ListTodo,
  LogOut,
  type LucideIcon,
  Moon,
  Plus,
  Settings,
  ShieldCheck,
  UserPlus,
  Users,
} from "lucide-react";
import { Children, type ReactNode } from "react";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { agentsQuery, runsQuery, tasksQuery } from "~/api/queries";
import { idOf } from "~/shared/format/name";
import { useAppearance } from "~/shared/stores/appearance";
import { Dialog } from "~/shared/ui/dialog";
import { Kbd } from "~/shared/ui/kbd";
import { useTransport } from "../transport";
import { useWorkspace } from "../workspace/workspace";

const NEXT_THEME = { system: "light", light: "dark", dark: "system" } as const;

interface PaletteProps {
  onClose: () => void;
  onShortcuts: () => void;
}

export default function Palette({ onClose, onShortcuts }: PaletteProps) {
  const navigate = useNavigate();
  const transport = useTransport();
  const { theme, setTheme } = useAppearance();
  const newest = useNewest();
  const go = (work: () => unknown) => () => {
    onClose();
    work();
  };

  return (
    <Dialog title="Search and run commands" bare onClose={onClose} className="overflow-hidden">
      <Command loop label="Search and run commands" className="flex max-h-[60vh] flex-col">
        <Command.Input
          autoFocus
          placeholder="Where to, or what to do?"
          className="h-12 shrink-0 border-b bg-transparent px-4 text-lg outline-none"
        />
        <Command.List className="min-h-0 overflow-auto p-1.5">
          <Command.Empty className="px-3 py-8 text-center text-muted">Nothing fits. Try fewer letters.</Command.Empty>
          <Section heading="Do">
            <Item icon={Plus} keys="c" onSelect={go(() => navigate({ to: "/tasks/new" }))}>
              New task
            </Item>
            <Item icon={UserPlus} onSelect={go(() => navigate({ to: "/team/new" }))}>
              New team member
            </Item>
            <Item icon={CalendarPlus} onSelect={go(() => navigate({ to: "/schedules/new" }))}>
              New schedule
            </Item>
          </Section>
          <Section heading="Go to">
            <Item icon={Inbox} keys="g i" onSelect={go(() => navigate({ to: "/inbox" }))}>
              Inbox
            </Item>
            <Item icon={ShieldCheck} keys="g a" onSelect={go(() => navigate({ to: "/inbox/rules" }))}>
              Approval rules
            </Item>
            <Item icon={ListTodo} keys="g t" onSelect={go(() => navigate({ to: "/tasks" }))}>
              Tasks
            </Item>
            <Item icon={Activity} keys="g r" onSelect={go(() => navigate({ to: "/runs" }))}>
              Runs
            </Item>
            <Item icon={Users} keys="g m" onSelect={go(() => navigate({ to: "/team" }))}>
              Team
            </Item>
            <Item icon={CalendarClock} keys="g h" onSelect={go(() => navigate({ to: "/schedules" }))}>
              Schedules
            </Item>
            <Item icon={Settings} keys="g s" onSelect={go(() => navigate({ to: "/settings" }))}>
              Settings
            </Item>
            <Item icon={BellRing} keys="g n" onSelect={go(() => navigate({ to: "/settings/notifications" }))}>
              Notifications
            </Item>
          </Section>
          <Section heading="App">
            <Item icon={Moon} onSelect={go(() => setTheme(NEXT_THEME[theme]))}>
              {`Theme: switch to ${NEXT_THEME[theme]}`}
            </Item>
            <Item icon={Keyboard} keys="?" onSelect={go(onShortcuts)}>
              Keyboard shortcuts
            </Item>
            <Item icon={LogOut} onSelect={go(() => transport.signOut())}>
              Sign out
            </Item>
          </Section>
          <Section heading="Tasks">
            {newest.tasks.map((task) => (
              <Item
                key={task.name}
                id={task.name}
                icon={ListTodo}
                onSelect={go(() => navigate({ to: "/tasks", search: { task: idOf(task.name) } }))}
              >
                {task.title}
              </Item>
            ))}
          </Section>
          <Section heading="Runs">
            {newest.runs.map((run) => (
              <Item
                key={run.name}
                id={run.name}
                icon={Activity}
                onSelect={go(() => navigate({ to: "/runs/$run", params: { run: idOf(run.name) } }))}
              >
                {run.title || idOf(run.name)}
              </Item>
            ))}
          </Section>
          <Section heading="Team">
            {newest.agents.map((agent) => (
              <Item
                key={agent.name}
                id={agent.name}
                icon={Users}
                onSelect={go(() => navigate({ to: "/team/$agent", params: { agent: idOf(agent.name) } }))}
              >
                {agent.displayName}
              </Item>
            ))}
          </Section>
        </Command.List>
      </Command>
    </Dialog>
  );
}

/** The newest of everything that can be gone to. */
function useNewest(): { tasks: Task[]; runs: Run[]; agents: Agent[] } {
  const transport = useTransport();
  const workspace = useWorkspace();
  const tasks = useInfiniteQuery(tasksQuery(transport, workspace)).data;
  const runs = useInfiniteQuery(runsQuery(transport, workspace)).data;
  const agents = useQuery(agentsQuery(transport, workspace)).data;
  return {
    tasks: tasks?.pages.flatMap((page) => page.tasks) ?? [],
    runs: runs?.pages.flatMap((page) => page.runs) ?? [],
    agents: agents ?? [],
  };
}

function Section({ heading, children }: { heading: string; children: ReactNode }) {
  if (Children.count(children) === 0) return null;
  return (
    <Command.Group
      heading={heading}
      className="mb-1 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-faint [&_[cmdk-group-heading]]:text-xs"
    >
      {children}
    </Command.Group>
  );
}

interface ItemProps {
  icon: LucideIcon;
  children: string;
  /** Tells items with the same words apart. */
  id?: string;
  keys?: string;
  onSelect: () => void;
}

function Item({ icon: Icon, children, id, keys: hint, onSelect }: ItemProps) {
  return (
    <Command.Item
      value={id ? `${children} ${id}` : children}
      onSelect={onSelect}
      className="flex h-8 cursor-default items-center gap-2.5 rounded-control px-2.5 data-[selected=true]:bg-selected"
    >
      <Icon aria-hidden className="size-4 shrink-0 stroke-[1.5] text-muted" />
      <span className="truncate">{children}</span>
      {hint ? (
        <span className="ml-auto flex gap-1 text-muted">
          {hint.split(" ").map((part) => (
            <Kbd key={part} keys={part} />
          ))}
        </span>
      ) : null}
    </Command.Item>
  );
}
