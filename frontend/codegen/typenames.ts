/** Adds `__typename` wherever a client's cache wants it, so that types, documents and the manifest agree. */
import type { Types } from "@graphql-codegen/plugin-helpers";
import { type DocumentNode, Kind, type SelectionSetNode, visit } from "graphql";

const TYPENAME = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: "__typename" } } as const;

export const withTypenames: Types.DocumentTransformFunction = ({ documents }) =>
  documents.map(({ document, ...file }) => ({ ...file, document: document && completed(document) }));

const completed = (document: DocumentNode): DocumentNode =>
  visit(document, {
    SelectionSet: {
      leave: (node: SelectionSetNode, _key, parent) =>
        isRootOrFragment(parent) || asksForTypename(node)
          ? undefined
          : { ...node, selections: [TYPENAME, ...node.selections] },
    },
  });

const isRootOrFragment = (parent: unknown): boolean =>
  typeof parent === "object" && parent !== null && "kind" in parent && parent.kind !== Kind.FIELD;

const asksForTypename = ({ selections }: SelectionSetNode): boolean =>
  selections.some((it) => it.kind === Kind.FIELD && it.name.value === "__typename");
