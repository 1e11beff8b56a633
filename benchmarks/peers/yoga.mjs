// GraphQL Yoga on Node's HTTP server; its parser and validation cache is on by default.
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { port, resolvers, typeDefs } from "./data.mjs";

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, graphiql: false });
createServer(yoga).listen(port, "127.0.0.1");
