// `/tasks`
export { Tasks as TasksScreen } from "~/features/tasks/tasks";
