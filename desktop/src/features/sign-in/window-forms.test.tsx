// Signing in from the desktop window, over its real transport and a Rust that the test plays.
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { TransportProvider } from "~/app/transport";
import { PlayedRust } from "~/transport/tauri/testing";
import { SignInPanel } from "./sign-in";

const LINK = "https://mc.example/sign-in#code=mc_otc_x";

let rust: PlayedRust;
beforeEach(() => {
  rust = new PlayedRust();
  rust.beginning = { gateway: "http://127.0.0.1:8080", session: { state: "signedOut", because: "never" } };
  rust.answers.sign_in = () => false;
});

async function open() {
  const transport = await rust.attached();
  const onDone = vi.fn();
  render(
    <TransportProvider transport={transport}>
      <SignInPanel onDone={onDone} />
    </TransportProvider>,
  );
  return { onDone, user: userEvent.setup() };
}

test("a pasted link signs in, at the gateway that it names", async () => {
  const { onDone, user } = await open();
  rust.answers.sign_in = () => {
    rust.beginning = { gateway: "https://mc.example", session: { state: "signedIn" } };
    return true;
  };
  expect(screen.getByLabelText("Sign-in link")).toHaveFocus();
  await user.paste(`  ${LINK}\n`);
  await user.keyboard("{Enter}");
  await waitFor(() => expect(onDone).toHaveBeenCalledOnce());
  expect(rust.of("sign_in")).toEqual([{ credentials: { kind: "code", code: LINK } }]);
  expect(screen.getByText("mc.example")).toBeVisible();
});

test("what is no link is not sent; a link that was used says where the next one is", async () => {
  const { onDone, user } = await open();
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByText("Paste the link that ./mc up or ./mc link printed.")).toBeVisible();
  await user.type(screen.getByLabelText("Sign-in link"), "http://127.0.0.1:8080/sign-in");
  expect(await screen.findByText("This is no sign-in link: it has no code. Copy it whole.")).toBeVisible();
  expect(rust.of("sign_in")).toEqual([]);
  rust.answers.sign_in = () =>
    Promise.reject({ status: 400, reason: "SIGN_IN_CODE_INVALID", detail: "The code is not valid." });
  await user.type(screen.getByLabelText("Sign-in link"), "#code=mc_otc_x{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("This link was used already or is too old.");
  expect(screen.getByLabelText("Sign-in link")).toHaveFocus();
  expect(onDone).not.toHaveBeenCalled();
});

test("a token signs in at the gateway that is named", async () => {
  const { onDone, user } = await open();
  await user.click(screen.getByRole("button", { name: "API token" }));
  const gateway = screen.getByLabelText("Gateway");
  await user.clear(gateway);
  await user.type(gateway, "https://mc.example/");
  await user.type(screen.getByLabelText("API token"), "mc_pat_x{Enter}");
  await waitFor(() => expect(onDone).toHaveBeenCalledOnce());
  expect(rust.of("choose_gateway")).toEqual([{ url: "https://mc.example" }]);
  expect(rust.of("sign_in")).toEqual([{ credentials: { kind: "token", token: "mc_pat_x" } }]);
});

test("a gateway that is no good is told, and nothing is signed in to", async () => {
  const detail = "Gateway must begin with https://: http is for this computer alone, or the session could be read.";
  rust.answers.choose_gateway = () => Promise.reject({ status: 0, reason: "INVALID_ARGUMENT", detail });
  const { onDone, user } = await open();
  await user.click(screen.getByRole("button", { name: "Password" }));
  const gateway = screen.getByLabelText("Gateway");
  await user.clear(gateway);
  await user.type(gateway, "http://mc.example");
  await user.type(screen.getByLabelText("E-mail"), "ana@example.com");
  await user.type(screen.getByLabelText("Password", { selector: "input" }), "secret{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent(detail);
  expect(rust.of("sign_in")).toEqual([]);
  expect(onDone).not.toHaveBeenCalled();
});

test("the gateway is left alone when it is the one already spoken to", async () => {
  const { onDone, user } = await open();
  await user.click(screen.getByRole("button", { name: "Password" }));
  await user.type(screen.getByLabelText("E-mail"), "ana@example.com");
  await user.type(screen.getByLabelText("Password", { selector: "input" }), "secret{Enter}");
  await waitFor(() => expect(onDone).toHaveBeenCalledOnce());
  expect(rust.of("choose_gateway")).toEqual([]);
});
