// From a provider's JSON Schema to the fields of a form. What a form cannot show is left to the text.

import type { Json } from "../helper/types";

/** As much of JSON Schema 2020-12 as providers use, and the keyword `secrets` of Adit. */
export interface Schema {
  $ref?: string;
  $defs?: { [name: string]: Schema };
  title?: string;
  description?: string;
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  properties?: { [name: string]: Schema };
  required?: string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  enum?: Json[];
  const?: Json;
  oneOf?: Schema[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  default?: Json;
  readOnly?: boolean;
  secrets?: { [name: string]: SecretSchema };
}

interface SecretSchema {
  title?: string;
  description?: string;
  format?: string;
  required?: boolean;
}

export type Field = {
  /** The property that it is of; "" for the items of a list and the whole. */
  name: string;
  /** Where it stands in the schema, such as `peers.publicKey`: what translations go by. */
  place: string;
  title: string;
  description: string | undefined;
  isRequired: boolean;
  isReadOnly: boolean;
} & Kind;

export type Kind =
  | { kind: "text"; format: string | undefined; pattern: string | undefined }
  | { kind: "number"; isWhole: boolean; minimum: number | undefined; maximum: number | undefined }
  | { kind: "flag" }
  | { kind: "choice"; options: Option[]; preset: Json | undefined }
  /** Short texts, several of them. */
  | { kind: "texts"; item: Field; atLeast: number }
  /** Groups, several of them. */
  | { kind: "groups"; item: Field; atLeast: number }
  | { kind: "group"; fields: Field[] }
  /** Anything else is shown as it is. */
  | { kind: "other" };

/** One way of several. With `fields`, the value is an object that holds them. */
export interface Option {
  title: string;
  /** The value itself, or an empty object that `fields` fill. */
  value: Json;
  fields: Field[];
}

/** A secret that the provider takes. */
export interface SecretField {
  /** Its name in the store. `{peers.publicKey}` in it stands for that of each peer. */
  name: string;
  title: string;
  description: string | undefined;
  isRequired: boolean;
  /** The helper can make one: a Curve25519 key pair. */
  isKeyPair: boolean;
}

/** The fields of a provider's configuration, in the order of the schema. */
export function fieldsOf(schema: Schema): Field[] {
  const whole = fieldOf(schema, "", "", true, schema);
  return whole.kind === "group" ? whole.fields : [];
}

export function secretsOf(schema: Schema): SecretField[] {
  return Object.entries(schema.secrets ?? {}).map(([name, secret]) => ({
    name,
    title: secret.title ?? name,
    description: secret.description,
    isRequired: secret.required ?? false,
    isKeyPair: secret.format === "curve25519",
  }));
}

/** The list and the property that a secret's name has a place for, as in `presharedKey:{peers.publicKey}`. */
export function listOfSecret(name: string): { list: string; property: string } | undefined {
  const [, list, property] = /\{(\w+)\.(\w+)\}/.exec(name) ?? [];
  return list === undefined || property === undefined ? undefined : { list, property };
}

/** The name in the store of the secret that belongs to this item of the list. */
export function secretName(name: string, value: string): string {
  return name.replace(/\{[\w.]+\}/, () => value);
}

function fieldOf(given: Schema, name: string, place: string, isRequired: boolean, root: Schema): Field {
  const schema = resolved(given, root);
  return {
    name,
    place,
    title: schema.title ?? name,
    description: schema.description,
    isRequired,
    isReadOnly: schema.readOnly ?? false,
    ...kindOf(schema, place, root),
  };
}

function kindOf(schema: Schema, place: string, root: Schema): Kind {
  if (schema.enum) return { kind: "choice", options: schema.enum.map(plainOption), preset: schema.default };
  if (schema.oneOf) return { kind: "choice", options: schema.oneOf.map((way) => optionOf(way, place, root)), preset: schema.default };
  switch (schema.type) {
    case "string":
      return { kind: "text", format: schema.format, pattern: schema.pattern };
    case "integer":
    case "number":
      return { kind: "number", isWhole: schema.type === "integer", minimum: schema.minimum, maximum: schema.maximum };
    case "boolean":
      return { kind: "flag" };
    case "array": {
      const item = fieldOf(schema.items ?? {}, "", place, false, root);
      const atLeast = schema.minItems ?? 0;
      if (item.kind === "text") return { kind: "texts", item, atLeast };
      return item.kind === "group" ? { kind: "groups", item, atLeast } : { kind: "other" };
    }
    case "object":
      return { kind: "group", fields: groupOf(schema, place, root) };
    case undefined:
    // A schema comes from elsewhere and may say anything.
    default:
      return { kind: "other" };
  }
}

function groupOf(schema: Schema, place: string, root: Schema): Field[] {
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    fieldOf(property, name, place === "" ? name : `${place}.${name}`, required.includes(name), root),
  );
}

function plainOption(value: Json): Option {
  return { title: String(value), value, fields: [] };
}

/** A way that is an object is chosen by its one property; the fields are what is below that. */
function optionOf(given: Schema, place: string, root: Schema): Option {
  const schema = resolved(given, root);
  if (schema.const !== undefined) return { title: schema.title ?? String(schema.const), value: schema.const, fields: [] };
  const fields = groupOf(schema, place, root);
  return { title: schema.title ?? fields[0]?.title ?? "", value: {}, fields };
}

function resolved(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.match(/^#\/\$defs\/(\w+)$/)?.[1];
  if (name === undefined) return schema;
  const { $ref: _, ...rest } = schema;
  return { ...root.$defs?.[name], ...rest };
}
