// The sidebar: where one can go, and what waits there.
import { Link, useLocation } from "@tanstack/react-router";
import {
  Activity,
  CalendarClock,
  ChevronsUpDown,
  Inbox,
  Keyboard,
  ListTodo,
  type LucideIcon,
  PanelLeftClose,
  PanelLeftOpen,
  Plus,
  Search,
  Settings,
  Users,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useAppearance } from "~/shared/stores/appearance";
import { Brand } from "~/shared/ui/brand";
import { cn } from "~/shared/ui/cn";
import { Kbd } from "~/shared/ui/kbd";
import { MEDIA, useMedia } from "~/shared/ui/use-media";
import { useMe, useMembership, useWorkspaceChoice } from "../workspace/workspace";
import { useNeedYou, useRunning } from "./counts";

const ROW =
  "flex h-8 items-center gap-2.5 rounded-control px-2 text-muted transition-colors duration-[120ms] hover:bg-hover hover:text-text [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:stroke-[1.5]";

interface SidebarProps {
  onSearch: () => void;
  onShortcuts: () => void;
}

export function Sidebar({ onSearch, onShortcuts }: SidebarProps) {
  const roomy = useMedia(MEDIA.sidebar);
  const collapsed = useAppearance((state) => state.sidebarCollapsed) || !roomy;
  const toggle = useAppearance((state) => state.toggleSidebar);
  const needYou = useNeedYou();
  const running = useRunning();
  const Toggle = collapsed ? PanelLeftOpen : PanelLeftClose;

  return (
    <nav aria-label="Main" className={cn("flex shrink-0 flex-col gap-3 p-2", collapsed ? "w-12" : "w-[220px]")}>
      <WorkspaceSwitcher collapsed={collapsed} />
      <div className="flex flex-col gap-0.5">
        <Link
          to="/tasks/new"
          className={cn(ROW, "text-text")}
          aria-keyshortcuts="c"
          title={collapsed ? "New task" : undefined}
        >
          <Plus aria-hidden />
          <Label collapsed={collapsed}>New task</Label>
          {collapsed ? null : <Kbd keys="c" className="ml-auto" />}
        </Link>
        <button type="button" onClick={onSearch} className={ROW} title={collapsed ? "Search" : undefined}>
          <Search aria-hidden />
          <Label collapsed={collapsed}>Search</Label>
          {collapsed ? null : <Kbd keys="mod+k" className="ml-auto" />}
        </button>
      </div>
      <div className="flex flex-col gap-0.5">
        <Place to="/inbox" icon={Inbox} label="Inbox" collapsed={collapsed} count={needYou} urgent />
        <Place to="/tasks" icon={ListTodo} label="Tasks" collapsed={collapsed} />
        <Place to="/runs" icon={Activity} label="Runs" collapsed={collapsed} count={running} />
        <Place to="/team" icon={Users} label="Team" collapsed={collapsed} />
        <Place to="/schedules" icon={CalendarClock} label="Schedules" collapsed={collapsed} />
        <Place to="/settings" icon={Settings} label="Settings" collapsed={collapsed} />
      </div>
      <div className={cn("mt-auto flex gap-0.5", collapsed && "flex-col")}>
        {roomy ? (
          <IconButton
            icon={Toggle}
            label={collapsed ? "Unfold the sidebar" : "Fold the sidebar"}
            keys="["
            onClick={toggle}
          />
        ) : null}
        <IconButton icon={Keyboard} label="Keyboard shortcuts" keys="?" onClick={onShortcuts} />
      </div>
    </nav>
  );
}

function Label({ collapsed, children }: { collapsed: boolean; children: string }) {
  return <span className={cn("truncate", collapsed && "sr-only")}>{children}</span>;
}

interface PlaceProps {
  to: "/inbox" | "/tasks" | "/runs" | "/team" | "/schedules" | "/settings";
  icon: LucideIcon;
  label: string;
  collapsed: boolean;
  /** Shown when it is more than nothing. */
  count?: number | string | undefined;
  /** Counts what waits for a person. */
  urgent?: boolean;
}

function Place({ to, icon: Icon, label, collapsed, count, urgent = false }: PlaceProps) {
  const here = useLocation({
    select: (location) => location.pathname === to || location.pathname.startsWith(`${to}/`),
  });
  const shown = count !== undefined && count !== 0 && count !== "0";
  return (
    <Link
      to={to}
      aria-current={here ? "page" : undefined}
      title={collapsed ? label : undefined}
      className={cn(ROW, "relative", here && "bg-press text-text")}
    >
      <Icon aria-hidden />
      <Label collapsed={collapsed}>{label}</Label>
      {shown && !collapsed ? (
        <span
          className={cn(
            "ml-auto rounded-full px-1.5 text-xs tabular-nums",
            urgent ? "bg-need-soft font-medium text-need-text" : "text-muted",
          )}
        >
          {count}
          <span className="sr-only">{urgent ? needWord(count) : " running"}</span>
        </span>
      ) : null}
      {shown && collapsed && urgent ? <span className="absolute top-1 right-1 size-2 rounded-full bg-need" /> : null}
    </Link>
  );
}

const needWord = (count: number | string): string => (count === 1 ? " needs you" : " need you");

function IconButton(props: { icon: LucideIcon; label: string; keys: string; onClick: () => void }) {
  const { icon: Icon, label, keys, onClick } = props;
  return (
    <button
      type="button"
      aria-label={label}
      aria-keyshortcuts={keys}
      title={`${label} (${keys})`}
      onClick={onClick}
      className={ROW}
    >
      <Icon aria-hidden />
    </button>
  );
}

function WorkspaceSwitcher({ collapsed }: { collapsed: boolean }) {
  const membership = useMembership();
  const { memberships } = useMe();
  const choose = useWorkspaceChoice((state) => state.choose);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        aria-label={`Workspace: ${membership.workspaceDisplayName}`}
        className="flex h-9 items-center gap-2.5 rounded-control px-1.5 font-semibold hover:bg-hover data-[state=open]:bg-press"
      >
        <Brand className="size-5 shrink-0" />
        {collapsed ? null : (
          <>
            <span className="truncate">{membership.workspaceDisplayName}</span>
            <ChevronsUpDown aria-hidden className="ml-auto size-4 stroke-[1.5] text-faint" />
          </>
        )}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="start"
          sideOffset={4}
          className="z-40 min-w-52 rounded-panel transition-opacity duration-[120ms] starting:opacity-0 border bg-overlay p-1 shadow-overlay"
        >
          <DropdownMenu.Label className="px-2 py-1.5 text-faint text-xs">Workspaces</DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={membership.workspace} onValueChange={choose}>
            {memberships.map((each) => (
              <DropdownMenu.RadioItem
                key={each.workspace}
                value={each.workspace}
                className="flex h-8 cursor-default select-none items-center rounded-control px-2 outline-none data-[highlighted]:bg-hover data-[state=checked]:font-medium"
              >
                {each.workspaceDisplayName}
                <span className="ml-auto pl-6 font-normal text-faint text-xs">{roleWord(each.role)}</span>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** `ROLE_OWNER` as `owner`. */
export const roleWord = (role: string): string => role.replace(/^ROLE_/, "").toLowerCase();
