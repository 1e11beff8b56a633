/** The entry of /graphiql: signs in by the browser's cookie, then shows the page. */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";

import { createRoot } from "react-dom/client";

import { Client } from "../api/client";
import { Page } from "./page";
import { type Place, findPlace } from "./place";

const url = `${location.origin}/graphql`;
const client = new Client({ url, cookie: true });
const root = createRoot(document.getElementById("root") as HTMLElement);

let place: Place | undefined;
try {
  place = await findPlace(client);
} catch (error) {
  console.warn("Signing in failed:", error); // as a visitor one can still look around
}
root.render(<Page client={client} url={url} place={place} />);
