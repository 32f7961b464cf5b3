// `/tasks/new`
export { NewTask as NewTaskScreen } from "~/features/tasks/new-task";
