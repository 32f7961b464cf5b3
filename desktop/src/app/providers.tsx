// Everything the screens stand on: transport, server state, routes, toasts.
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Toaster } from "sonner";
import { useAppearance } from "~/shared/stores/appearance";
import type { Transport } from "~/transport/types";
import { createQueries } from "./query-client";
import { createAppRouter } from "./router";
import { TransportProvider } from "./transport";

/** The whole application over one transport. */
export function Providers({ transport }: { transport: Transport }) {
  const [queries] = useState(createQueries);
  const [router] = useState(() => createAppRouter(transport, queries));
  const theme = useAppearance((state) => state.theme);

  // Signing in or out, here or in another tab, changes what may be shown: routes decide again, and nothing is kept.
  useEffect(
    () =>
      transport.session.subscribe(() => {
        if (transport.session.get().state === "signedOut") queries.clear();
        void router.invalidate();
      }),
    [transport, queries, router],
  );

  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
        <Toaster
          theme={theme}
          position="bottom-left"
          offset={{ bottom: 44, left: 16 }}
          gap={8}
          toastOptions={{ className: "mc-toast" }}
        />
      </QueryClientProvider>
    </TransportProvider>
  );
}
