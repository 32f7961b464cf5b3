// Under the head of the board: the state, further filters by a menu, those that hold, the order, and words to find.
import { useNavigate } from "@tanstack/react-router";
import { ArrowDownNarrowWide, Ban, CalendarClock, ListFilter, Search, Tag, UserRound, X } from "lucide-react";
import { type RefObject, useState } from "react";
import type { Agent } from "~/api/gen/schemas";
import { Avatar } from "~/features/team/avatar";
import { idOf } from "~/shared/format/name";
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import { Menu, MenuItem, MenuLine, MenuNote, Picker, SubMenu } from "~/shared/ui/menu";
import { Filters } from "~/shared/ui/screen";
import { type BoardSearch, chipsOf, DUES, ORDERS, STATES, stateOf, withLabel } from "./board";
import { PriorityIcon } from "./marks";
import { labelsOf, PRIORITIES } from "./words";

interface FilterBarProps {
  search: BoardSearch;
  agents: readonly Agent[];
  /** Labels of the tasks that are loaded. */
  labels: readonly string[];
  findBox: RefObject<HTMLInputElement | null>;
}

export function FilterBar({ search, agents, labels, findBox }: FilterBarProps) {
  const navigate = useNavigate({ from: "/tasks" });
  const narrow = (change: Partial<BoardSearch>) =>
    void navigate({ search: (now) => ({ ...now, task: undefined, ...change }) });
  const chips = chipsOf(search, (id) => agents.find(({ name }) => idOf(name) === id)?.displayName ?? "No longer here");
  const order = search.order ?? "newest";
  return (
    <>
      <Filters
        label="Show"
        options={STATES}
        value={stateOf(search)}
        onChange={(value) => narrow({ state: value === "all" ? undefined : value })}
      />
      <FilterMenu search={search} agents={agents} labels={labels} narrow={narrow} />
      {chips.map((chip) => (
        <button
          key={chip.key}
          type="button"
          title="Take this filter out"
          onClick={() => narrow(chip.without)}
          className="inline-flex h-[26px] max-w-52 items-center gap-1.5 rounded-control bg-accent-soft px-2 text-accent-text text-xs hover:brightness-95"
        >
          <span className="truncate">{chip.words}</span>
          <X aria-hidden className="size-3.5 shrink-0 stroke-[1.5]" />
          <span className="sr-only">: take this filter out</span>
        </button>
      ))}
      {chips.length > 1 ? (
        <Button
          size="sm"
          look="quiet"
          onClick={() => narrow(Object.assign({}, ...chips.map(({ without }) => without), { labels: undefined }))}
        >
          Clear
        </Button>
      ) : null}
      <span className="ml-auto flex items-center gap-1">
        <Picker
          label={`Order: ${ORDERS.find(({ value }) => value === order)?.label}`}
          options={ORDERS}
          value={order}
          onPick={(value) => narrow({ order: value === "newest" ? undefined : value })}
          className="mx-0 text-muted text-xs hover:text-text [&_svg]:size-4 [&_svg]:stroke-[1.5]"
        >
          <ArrowDownNarrowWide aria-hidden />
          {ORDERS.find(({ value }) => value === order)?.label}
        </Picker>
        <label className="relative flex items-center">
          <span className="sr-only">Find tasks</span>
          <Search aria-hidden className="pointer-events-none absolute left-2 size-3.5 stroke-[1.5] text-faint" />
          <input
            ref={findBox}
            type="search"
            aria-keyshortcuts="/"
            maxLength={500}
            placeholder="Find  /"
            value={search.find ?? ""}
            onChange={(event) =>
              void navigate({ search: (now) => ({ ...now, find: event.target.value || undefined }), replace: true })
            }
            onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
            className="h-[26px] w-44 rounded-control border bg-raised pr-2 pl-7 text-xs hover:border-edge"
          />
        </label>
      </span>
    </>
  );
}

interface FilterMenuProps extends Omit<FilterBarProps, "findBox"> {
  narrow: (change: Partial<BoardSearch>) => void;
}

function FilterMenu({ search, agents, labels, narrow }: FilterMenuProps) {
  const [open, setOpen] = useState(false);
  useKeys({ f: () => setOpen(true) });
  const held = labelsOf(search.labels ?? "");
  // Picking what holds already takes it out.
  const pick = <Key extends keyof BoardSearch>(key: Key, value: BoardSearch[Key]) => ({
    checked: search[key] === value,
    onSelect: () => narrow({ [key]: search[key] === value ? undefined : value }),
  });
  return (
    <Menu
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button size="sm" look="quiet" aria-keyshortcuts="f">
          <ListFilter aria-hidden />
          Filter
        </Button>
      }
    >
      <SubMenu icon={<UserRound aria-hidden />} label="Assignee">
        {agents.length === 0 ? <MenuNote>Nobody is on the team yet.</MenuNote> : null}
        {agents.map((agent) => (
          <MenuItem key={agent.name} icon={<Avatar agent={agent} />} {...pick("assignee", idOf(agent.name))}>
            {agent.displayName}
          </MenuItem>
        ))}
      </SubMenu>
      <SubMenu icon={<PriorityIcon priority="TASK_PRIORITY_HIGH" />} label="Priority">
        {PRIORITIES.map(({ value, key, label }) => (
          <MenuItem key={key} icon={<PriorityIcon priority={value} />} {...pick("priority", key)}>
            {label}
          </MenuItem>
        ))}
      </SubMenu>
      <SubMenu icon={<Tag aria-hidden />} label="Label">
        {labels.length === 0 ? <MenuNote>No task that is loaded has a label.</MenuNote> : null}
        {labels.map((label) => (
          <MenuItem
            key={label}
            checked={held.includes(label)}
            onSelect={() =>
              narrow({
                labels: held.includes(label)
                  ? held.filter((each) => each !== label).join(",") || undefined
                  : withLabel(search, label).labels,
              })
            }
          >
            {label}
          </MenuItem>
        ))}
      </SubMenu>
      <SubMenu icon={<CalendarClock aria-hidden />} label="Due">
        {DUES.map(({ value, label }) => (
          <MenuItem key={value} {...pick("due", value)}>
            {label}
          </MenuItem>
        ))}
      </SubMenu>
      <MenuLine />
      <MenuItem icon={<Ban aria-hidden />} {...pick("blocked", true)}>
        Blocked
      </MenuItem>
      <MenuItem icon={<Ban aria-hidden className="opacity-40" />} {...pick("blocked", false)}>
        Not blocked
      </MenuItem>
    </Menu>
  );
}
