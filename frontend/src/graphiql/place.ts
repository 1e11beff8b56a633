/** Where the examples play: the user's first project, its newest session and an agent that can be asked. */
import type { Client } from "../api/client";
import { AgentsDocument } from "../operations/Agents.generated";
import { WhoAmIDocument } from "../operations/WhoAmI.generated";

export interface Place {
  userId: string;
  email: string;
  projectId: string;
  sessionId: string;
  agentHandle: string;
}

const PREFERRED_AGENT = "CodeAssistant";

/** Where the signed-in user can begin; undefined when nobody is signed in. What is not there yet is empty. */
export async function findPlace(client: Client): Promise<Place | undefined> {
  if ((await client.signIn.restore()) === undefined) return undefined;
  const { me } = await client.request(WhoAmIDocument, {});
  if (!me) return undefined;
  const project = me.projects.nodes[0];
  return {
    userId: me.id,
    email: me.email,
    projectId: project?.id ?? "",
    sessionId: project?.sessions.nodes[0]?.id ?? "",
    agentHandle: project ? await handleOf(client, project.id) : PREFERRED_AGENT,
  };
}

async function handleOf(client: Client, projectId: string): Promise<string> {
  const { project } = await client.request(AgentsDocument, { projectId });
  const handles = project?.agents.nodes.map((agent) => agent.handle) ?? [];
  return handles.find((handle) => handle === PREFERRED_AGENT) ?? handles[0] ?? PREFERRED_AGENT;
}
