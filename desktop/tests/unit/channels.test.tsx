// Channels: made with a secret that is shown once, changed by a mask, tested, turned, and what went out on them.
import { screen, waitFor, within } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { beforeEach, expect, test } from "vitest";
import type { Channel, Delivery } from "~/api/gen/schemas";
import { agent, EDGE, gateway, open, playGateway, problem, TIME, W, world, writes } from "./app";

playGateway();

const CHANNELS = `/v1/${W}/channels`;
const NAME = `${W}/channels/c`;

let channels: Partial<Channel>[] = [];
let deliveries: Partial<Delivery>[] = [];

const channel = (more: Partial<Channel> = {}): Partial<Channel> => ({
  name: NAME,
  displayName: "On call",
  format: "CHANNEL_FORMAT_STANDARD_WEBHOOK",
  url: "https://acme.example/hooks",
  kinds: ["NOTIFICATION_KIND_APPROVAL", "NOTIFICATION_KIND_FAILURE"],
  delay: "900s",
  etag: "e1",
  createTime: TIME,
  ...more,
});
const delivery = (id: string, more: Partial<Delivery>): Partial<Delivery> => ({
  name: `${W}/deliveries/${id}`,
  channel: NAME,
  kind: "NOTIFICATION_KIND_APPROVAL",
  createTime: TIME,
  ...more,
});

beforeEach(() => {
  channels = [channel()];
  deliveries = [];
  world.agents = [agent("noa", { displayName: "Noa" })];
  gateway.use(
    http.get(`${EDGE}${CHANNELS}`, () => HttpResponse.json({ channels })),
    http.get(`${EDGE}${CHANNELS}/c`, () => HttpResponse.json({ channel: channels[0] })),
    http.get(`${EDGE}/v1/${W}/deliveries`, ({ request }) => {
      const state = new URL(request.url).searchParams.get("state");
      return HttpResponse.json({ deliveries: deliveries.filter((each) => state === null || each.state === state) });
    }),
  );
});

test("without channels it says what one is", async () => {
  channels = [];
  open("/settings/notifications");
  expect(await screen.findByRole("heading", { name: "Nobody is told outside of this window" })).toBeVisible();
  expect(screen.getByRole("link", { name: "New channel" })).toHaveAttribute("href", "/settings/notifications/new");
});

test("a webhook is made, and its secret is shown once", async () => {
  gateway.use(
    writes("post", CHANNELS, (body: Channel) => {
      channels = [{ ...channel(), ...body }];
      return HttpResponse.json({ channel: channels[0], secret: "whsec_abc" });
    }),
  );
  const { user } = open("/settings/notifications/new");
  await user.type(await screen.findByLabelText("Name"), "On call");
  await user.click(screen.getByRole("button", { name: /Make the channel/ }));
  expect(await screen.findByText("Say where to.")).toBeVisible();
  await user.type(screen.getByLabelText("Address"), "https://acme.example/hooks");
  await user.click(screen.getByRole("checkbox", { name: /^Successes/ }));
  await user.click(screen.getByRole("checkbox", { name: /^Limits/ }));
  await user.click(await screen.findByRole("checkbox", { name: "Noa" }));
  await user.selectOptions(screen.getByLabelText("When nobody has decided"), "Told after 15 min");
  await user.click(screen.getByRole("button", { name: /Make the channel/ }));
  const dialog = await screen.findByRole("dialog", { name: 'The signing secret of "On call"' });
  expect(dialog).toHaveTextContent("whsec_abc");
  expect(world.bodies(`POST ${CHANNELS}`)).toEqual([
    {
      displayName: "On call",
      format: "CHANNEL_FORMAT_STANDARD_WEBHOOK",
      url: "https://acme.example/hooks",
      kinds: [
        "NOTIFICATION_KIND_APPROVAL",
        "NOTIFICATION_KIND_QUESTION",
        "NOTIFICATION_KIND_OUTCOME",
        "NOTIFICATION_KIND_OVERDUE",
        "NOTIFICATION_KIND_FAILURE",
        "NOTIFICATION_KIND_SUCCESS",
      ],
      agents: [`${W}/agents/noa`],
      delay: "900s",
      includeContent: false,
    },
  ]);
  await user.click(within(dialog).getByRole("button", { name: "I have kept it" }));
  await waitFor(() => expect(window.location.search).toBe("?channel=c"));
  expect(screen.queryByText("whsec_abc")).toBeNull();
});

test("what is wrong is said at its field, and the rest above the form", async () => {
  gateway.use(
    writes("post", CHANNELS, () =>
      problem(400, "INVALID_FIELD", {
        violations: [
          { field: "channel.url", description: "must begin with https://" },
          { field: "channel.agents[0]", description: "is no agent" },
        ],
      }),
    ),
  );
  const { user } = open("/settings/notifications/new");
  await user.click(await screen.findByRole("radio", { name: /^Slack/ }));
  await user.type(screen.getByLabelText("Name"), "On call");
  await user.type(screen.getByLabelText("Incoming webhook's address"), "ftp://x");
  await user.click(await screen.findByRole("checkbox", { name: "Noa" }));
  await user.click(screen.getByRole("button", { name: /Make the channel/ }));
  expect(await screen.findByText("Must begin with https://.")).toBeVisible();
  expect(screen.getByText("Is no agent.")).toBeVisible();
  expect(screen.getByLabelText("Incoming webhook's address")).toBeInvalid();
});

test("saving changes what people change by a mask; the address of a Slack channel is none of it", async () => {
  channels = [channel({ format: "CHANNEL_FORMAT_SLACK", url: "https://hooks.slack.com" })];
  gateway.use(
    writes("patch", `${CHANNELS}/c`, (body: Channel, request) => {
      expect(new URL(request.url).searchParams.get("updateMask")).toBe("displayName,kinds,agents,delay,includeContent");
      channels = [{ ...channel(), ...body }];
      return HttpResponse.json({ channel: channels[0] });
    }),
  );
  const { user } = open("/settings/notifications/c");
  await screen.findByLabelText("Name");
  expect(screen.queryByLabelText(/address/i)).toBeNull();
  await user.selectOptions(screen.getByLabelText("When nobody has decided"), "Told at once");
  await user.click(screen.getByRole("button", { name: /Save/ }));
  await waitFor(() => expect(window.location.pathname).toBe("/settings/notifications"));
  expect(world.written[0]?.ifMatch).toBe("e1");
  expect(world.bodies(`PATCH ${CHANNELS}/c`)).toEqual([
    {
      displayName: "On call",
      kinds: ["NOTIFICATION_KIND_APPROVAL", "NOTIFICATION_KIND_FAILURE"],
      agents: [],
      includeContent: false,
    },
  ]);
});

test("a channel is tested and turned by keys, and says when its receiver is gone", async () => {
  gateway.use(
    writes("post", `${CHANNELS}/c:test`, () => {
      deliveries = [delivery("t", { kind: "NOTIFICATION_KIND_TEST", state: "DELIVERY_STATE_DELIVERED" })];
      return HttpResponse.json({ delivery: deliveries[0] });
    }),
    writes("patch", `${CHANNELS}/c`, ({ disabled }: { disabled: boolean }) => {
      channels = [channel({ disabled })];
      return HttpResponse.json({ channel: channels[0] });
    }),
  );
  channels = [channel({ disabled: true, disableReason: "GONE" })];
  const { user } = open("/settings/notifications?channel=c");
  const peek = await screen.findByRole("region", { name: "On call" });
  expect(peek).toHaveTextContent("Its receiver answered that it is gone for good (410)");
  expect(peek).toHaveTextContent("after 15 min, of what nobody has seen to by then");
  await user.keyboard("t");
  expect(await within(peek).findByText("Delivered")).toBeVisible();
  await user.keyboard("p");
  await waitFor(() => expect(world.bodies(`PATCH ${CHANNELS}/c`)).toEqual([{ disabled: false }]));
  expect(await within(peek).findByRole("button", { name: /Turn off/ })).toBeVisible();
});

test("a new secret is shown once, and what it does is said before", async () => {
  gateway.use(
    writes("post", `${CHANNELS}/c:rotateSecret`, () => HttpResponse.json({ channel: channel(), secret: "whsec_new" })),
  );
  const { user } = open("/settings/notifications?channel=c");
  await user.click(await screen.findByRole("button", { name: "New secret..." }));
  expect(await screen.findByRole("dialog")).toHaveTextContent("For 24 hours what is sent is signed with both");
  await user.click(screen.getByRole("button", { name: "Make a new secret" }));
  expect(await screen.findByText("whsec_new")).toBeVisible();
});

test("what was given up is listed with the reason, and sent again", async () => {
  deliveries = [
    delivery("d", { state: "DELIVERY_STATE_DEAD", attempts: 10, statusCode: 500, error: "answered 500" }),
    delivery("e", { state: "DELIVERY_STATE_DELIVERED", attempts: 1 }),
  ];
  gateway.use(
    writes("post", `/v1/${W}/deliveries/d:replay`, () => {
      deliveries = [delivery("d", { state: "DELIVERY_STATE_DELIVERED", replays: 1 })];
      return HttpResponse.json({ delivery: deliveries[0] });
    }),
  );
  const { user } = open("/settings/notifications");
  await user.click(await screen.findByRole("button", { name: "Given up" }));
  const row = await screen.findByRole("listitem");
  expect(row).toHaveTextContent("Approval to On call");
  expect(row).toHaveTextContent("Given up after 10 attempts: answered 500, HTTP 500");
  await user.click(within(row).getByRole("button", { name: /^Again/ }));
  expect(await screen.findByText(/Nothing was given up/)).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Deliveries" }));
  expect(await screen.findByText(/sent again 1 time/)).toBeVisible();
});
