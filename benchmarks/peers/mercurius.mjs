// mercurius on Fastify; its cache of parsed and validated documents is on by default, its compiler is not.
import Fastify from "fastify";
import mercurius from "mercurius";
import { port, resolvers, typeDefs } from "./data.mjs";

const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers });
await app.listen({ host: "127.0.0.1", port });
