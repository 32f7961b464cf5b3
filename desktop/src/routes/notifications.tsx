// `/settings/notifications`, `/settings/notifications/new` and `/settings/notifications/$channel`
import { useParams } from "@tanstack/react-router";
import { EditChannel } from "~/features/channels/channel-editor";

export { NewChannel as NewChannelScreen } from "~/features/channels/channel-editor";
export { Notifications as NotificationsScreen } from "~/features/channels/channels";

export function ChannelScreen() {
  const { channel } = useParams({ from: "/signed-in/settings/notifications/$channel" });
  return <EditChannel key={channel} id={channel} />;
}
