// What every JavaScript peer serves: the schema, and the data that CodeLab itself gave out.
import { readFileSync } from "node:fs";

const { project, agents } = JSON.parse(readFileSync(process.env.BENCHMARK_DATA, "utf8"));
const byId = new Map(agents.map((agent) => [agent.id, agent]));

export const port = Number(process.env.BENCHMARK_PORT);
export const typeDefs = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");
export const resolvers = {
  Query: {
    project: (_, { id }) => (id === project ? { id } : null),
    agent: (_, { id }) => byId.get(id) ?? null,
  },
  Project: {
    agents: (_, { first }) => ({ nodes: agents.slice(0, first ?? 50) }),
  },
};
