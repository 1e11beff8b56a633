/** Puts the id of a newly created session into the variables of the other tabs. */
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef } from "react";

import { withSession } from "./tabs";

export function FillIn({ sessionId }: { sessionId: string }) {
  const tabs = useGraphiQL((state) => state.tabs);
  const { moveTab } = useGraphiQLActions();
  const filled = useRef("");

  useEffect(() => {
    if (filled.current === sessionId) return;
    filled.current = sessionId;
    moveTab(tabs.map((tab) => withSession(tab, sessionId))); // the one way to change tabs that are not open
  }, [tabs, sessionId, moveTab]);

  return null;
}
