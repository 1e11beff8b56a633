// Writes the manifest of all operations in Apollo's format: each under the SHA-256 of its text.
const { createHash } = require("node:crypto");
const { Kind, print } = require("graphql");

exports.plugin = (_schema, files) => {
  const definitions = files.flatMap((file) => file.document.definitions);
  const operations = definitions
    .filter((it) => it.kind === Kind.OPERATION_DEFINITION)
    .map(entry)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return `${JSON.stringify({ format: "apollo-persisted-query-manifest", version: 1, operations }, null, 2)}\n`;
};

function entry(operation) {
  const body = print(operation);
  const id = createHash("sha256").update(body).digest("hex");
  return { id, name: operation.name.value, type: operation.operation, body };
}
