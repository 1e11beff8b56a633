/** Builds the pages into dist/: each page is an entry of its own, its files are named by their content. */
import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

const API = "http://127.0.0.1:8000";

/** GraphiQL's style sheet embeds its fonts, ten times its own size; the system has good ones. */
const withoutEmbeddedFonts: Plugin = {
  name: "without-embedded-fonts",
  enforce: "pre",
  transform: (code, id) =>
    /graphiql.*\.css(\?|$)/.test(id) ? code.replace(/@font-face\s*\{[^}]*data:[^}]*\}/g, "") : undefined,
};

export default defineConfig({
  plugins: [withoutEmbeddedFonts, react()],
  build: {
    assetsInlineLimit: 0, // the pages' policy allows no data: addresses
    chunkSizeWarningLimit: 6000, // Monaco
    modulePreload: { polyfill: false },
    rollupOptions: { input: { graphiql: "graphiql.html" } },
    target: "es2023",
  },
  server: {
    proxy: { "/graphql": { target: API, ws: true }, "/icon.svg": API, "/schema.graphql": API },
  },
});
