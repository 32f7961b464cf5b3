// `/inbox`
export { Inbox as InboxScreen } from "~/features/inbox/inbox";
