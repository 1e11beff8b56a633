/** Generates types for the operations in src/operations, and the manifest of what a server may be asked. */
import type { CodegenConfig } from "@graphql-codegen/cli";

import { withTypenames } from "./codegen/typenames";

const config: CodegenConfig = {
  schema: "../schema.graphql",
  documents: "src/operations/*.graphql",
  generates: {
    "src/": {
      preset: "near-operation-file",
      presetConfig: { extension: ".generated.ts" },
      plugins: ["typescript-operations", "typed-document-node"],
      documentTransforms: [{ transform: withTypenames }],
      config: {
        strictScalars: true,
        scalars: { ID: "string", Cursor: "string", DateTime: "string", MicroUSD: "number" },
        useTypeImports: true,
        enumsAsTypes: true,
        disableDescriptions: true,
      },
    },
    "persisted-documents.json": {
      plugins: ["./codegen/persisted-documents.cjs"],
      documentTransforms: [{ transform: withTypenames }],
    },
  },
};

export default config;
