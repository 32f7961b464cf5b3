// The palette: every place, every action, and the tasks, runs and team members that are loaded.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import {
  Activity,
  Inbox,
  Keyboard,
  ListTodo,
  LogOut,
  type LucideIcon,
  Moon,
  Plus,
  Settings,
  UserPlus,
  Users,
} from "lucide-react";
import type { ReactNode } from "react";
import type { Agent, Run, Task } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
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
  const loaded = useLoaded();
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
          </Section>
          <Section heading="Go to">
            <Item icon={Inbox} keys="g i" onSelect={go(() => navigate({ to: "/inbox" }))}>
              Inbox
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
            <Item icon={Settings} keys="g s" onSelect={go(() => navigate({ to: "/settings" }))}>
              Settings
            </Item>
          </Section>
          <Section heading="Tasks">
            {loaded.tasks.map((task) => (
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
            {loaded.runs.map((run) => (
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
            {loaded.agents.map((agent) => (
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
        </Command.List>
      </Command>
    </Dialog>
  );
}

/** What the lists have loaded already: searching it costs no request. */
function useLoaded(): { tasks: Task[]; runs: Run[]; agents: Agent[] } {
  const queries = useQueryClient();
  const workspace = useWorkspace();
  const pages = <Page,>(key: readonly string[]): Page[] =>
    queries.getQueriesData<{ pages: Page[] }>({ queryKey: key }).flatMap(([, data]) => data?.pages ?? []);
  return {
    tasks: unique(pages<{ tasks: Task[] }>(keys.tasks(workspace)).flatMap((page) => page.tasks)),
    runs: unique(pages<{ runs: Run[] }>(keys.runs(workspace)).flatMap((page) => page.runs)).slice(0, 50),
    agents: queries.getQueryData<Agent[]>(keys.agents(workspace)) ?? [],
  };
}

const unique = <Named extends { name: string }>(all: Named[]): Named[] => [
  ...new Map(all.map((each) => [each.name, each])).values(),
];

function Section({ heading, children }: { heading: string; children: ReactNode }) {
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
      className="flex h-8 cursor-default items-center gap-2.5 rounded-control px-2.5 data-[selected=true]:bg-hover"
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
