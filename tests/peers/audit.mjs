// Audits a GraphQL server against the GraphQL-over-HTTP specification; prints one JSON object.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
const failed = results
  .filter((it) => it.status !== "ok")
  .map((it) => ({ id: it.id, name: it.name, status: it.status, reason: it.reason }));
console.log(JSON.stringify({ total: results.length, failed }));
