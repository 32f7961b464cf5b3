// Every key of the interface, in one list: the shortcut sheet, the hints and the bindings all read it.

/** Where a key works. */
export type KeyScope = "Everywhere" | "Lists" | "Tasks" | "Inbox" | "Schedules" | "Channels" | "Run" | "Forms";

export interface KeyBinding {
  readonly keys: string;
  readonly does: string;
  readonly scope: KeyScope;
}

/** Keys as they are shown; sequences are written with a space. */
export const KEYS = {
  palette: { keys: "mod+k", does: "Search and run commands", scope: "Everywhere" },
  sheet: { keys: "?", does: "Show this sheet", scope: "Everywhere" },
  newTask: { keys: "c", does: "New task", scope: "Everywhere" },
  goInbox: { keys: "g i", does: "Go to the inbox", scope: "Everywhere" },
  goRules: { keys: "g a", does: "Go to the approval rules", scope: "Everywhere" },
  goTasks: { keys: "g t", does: "Go to tasks", scope: "Everywhere" },
  goRuns: { keys: "g r", does: "Go to runs", scope: "Everywhere" },
  goTeam: { keys: "g m", does: "Go to the team", scope: "Everywhere" },
  goSchedules: { keys: "g h", does: "Go to schedules", scope: "Everywhere" },
  goNotifications: { keys: "g n", does: "Go to notifications", scope: "Everywhere" },
  goSettings: { keys: "g s", does: "Go to settings", scope: "Everywhere" },
  nextWaiting: { keys: "n", does: "Go to what has waited longest", scope: "Everywhere" },
  sidebar: { keys: "[", does: "Fold or unfold the sidebar", scope: "Everywhere" },
  down: { keys: "j", does: "Next row", scope: "Lists" },
  up: { keys: "k", does: "Previous row", scope: "Lists" },
  open: { keys: "enter", does: "Open the row", scope: "Lists" },
  find: { keys: "/", does: "Find in the list", scope: "Lists" },
  back: { keys: "esc", does: "Back to where you were", scope: "Lists" },
  chooseTask: { keys: "x", does: "Choose the row, to change several at once", scope: "Tasks" },
  filterTasks: { keys: "f", does: "Filter the list", scope: "Tasks" },
  startTask: { keys: "s", does: "Start it, or all that are chosen", scope: "Tasks" },
  renameTask: { keys: "e", does: "Change the title", scope: "Tasks" },
  assignTask: { keys: "a", does: "Change the assignee", scope: "Tasks" },
  pressTask: { keys: "p", does: "Change the priority", scope: "Tasks" },
  dueTask: { keys: "d", does: "Change when it is due", scope: "Tasks" },
  labelTask: { keys: "l", does: "Add labels", scope: "Tasks" },
  blockTask: { keys: "b", does: "Add what it waits for", scope: "Tasks" },
  commentTask: { keys: "m", does: "Say something about it", scope: "Tasks" },
  approve: { keys: "a", does: "Approve", scope: "Inbox" },
  edit: { keys: "e", does: "Edit the arguments, then approve", scope: "Inbox" },
  reject: { keys: "r", does: "Reject with a reason", scope: "Inbox" },
  respond: { keys: "w", does: "Answer in the call's place", scope: "Inbox" },
  always: { keys: "l", does: "Always allow this", scope: "Inbox" },
  choose: { keys: "x", does: "Choose the row, to decide several at once", scope: "Inbox" },
  fire: { keys: "f", does: "Run the schedule now", scope: "Schedules" },
  pauseSchedule: { keys: "p", does: "Pause or resume the schedule", scope: "Schedules" },
  testChannel: { keys: "t", does: "Send a test", scope: "Channels" },
  turnChannel: { keys: "p", does: "Turn the channel off or on", scope: "Channels" },
  steer: { keys: "s", does: "Say something to the agent", scope: "Run" },
  breakIn: { keys: "mod+enter", does: "Send it at once: the model call is stopped", scope: "Run" },
  pause: { keys: "p", does: "Pause or resume", scope: "Run" },
  latest: { keys: "end", does: "Jump to what happens now", scope: "Run" },
  step: { keys: "j", does: "Next entry; K goes back, Enter opens", scope: "Run" },
  records: { keys: "v", does: "Show the entry's records as JSON", scope: "Run" },
  copy: { keys: "y", does: "Copy the entry's text", scope: "Run" },
  details: { keys: "i", does: "Show the run's details in a narrow window", scope: "Run" },
  submit: { keys: "mod+enter", does: "Submit the form", scope: "Forms" },
} as const satisfies Record<string, KeyBinding>;

/** Order of scopes in the sheet. */
export const SCOPES: readonly KeyScope[] = [
  "Everywhere",
  "Lists",
  "Tasks",
  "Inbox",
  "Schedules",
  "Channels",
  "Run",
  "Forms",
];
