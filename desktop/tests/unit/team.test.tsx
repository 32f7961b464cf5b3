import { screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { EDGE, gateway, open, playGateway, W } from "./app";

playGateway();

test("the place of the simulator's button is kept until its model is known, so that nothing moves under the pointer", async () => {
  let tell = () => {};
  const known = new Promise<void>((resolve) => {
    tell = resolve;
  });
  gateway.use(
    http.get(`${EDGE}/v1/${W}/models`, async () => {
      await known;
      return HttpResponse.json({ models: [{ id: "simulator/demo", provider: `${W}/providers/simulator` }] });
    }),
  );
  open("/team");
  await screen.findByRole("link", { name: "New team member" });
  expect(screen.getByText("Add the simulator")).toHaveClass("invisible");
  tell();
  await waitFor(() => expect(screen.getByText("Add the simulator")).not.toHaveClass("invisible"));
});

test("where the gateway has no simulator there is no button for it", async () => {
  gateway.use(http.get(`${EDGE}/v1/${W}/models`, () => HttpResponse.json({ models: [] })));
  open("/team");
  await screen.findByRole("link", { name: "New team member" });
  await waitFor(() => expect(screen.queryByText("Add the simulator")).toBeNull());
});
