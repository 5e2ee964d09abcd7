// What every expression is worked out with. `scopeText` is the scope as JSON; expressions themselves are written by
// grammar.py in terms of these functions, and see nothing else of the engine.
"use strict";

const scope = JSON.parse(scopeText);
if (typeof scope.now === "string") scope.now = new Date(scope.now);

const FORBIDDEN = ["constructor", "prototype", "__proto__"];
const GIVEN_UP = { given: "up" };

class Failure {
  constructor(code, { offset, facts }) {
    Object.assign(this, { code, offset, facts });
  }
}

const isNothing = (value) => value === undefined || value === null;
const named = (name) => (Object.hasOwn(scope, name) ? scope[name] : undefined);

/** A path with ?. in it: undefined as soon as there is nothing to go on with. */
const chain = (path) => {
  try {
    return path();
  } catch (problem) {
    if (problem === GIVEN_UP) return undefined;
    throw problem;
  }
};

const maybe = (value) => {
  if (isNothing(value)) throw GIVEN_UP;
  return value;
};

const needed = (value, where) => {
  if (isNothing(value)) {
    const facts = { ...where.facts, nothing: String(value) };
    facts.property ??= facts.name + "()";
    throw new Failure("NOTHING_TO_READ", { offset: where.offset, facts });
  }
  return value;
};

/** A property that the value itself has; what values inherit is not there. */
const read = (value, key, where) => {
  const name = String(key);
  const target = Object(needed(value, where));
  if (FORBIDDEN.includes(name)) throw new Failure("FORBIDDEN_PROPERTY", { offset: where.offset, facts: { name } });
  return Object.hasOwn(target, name) ? target[name] : undefined;
};

const fitting = (fits, code, value, where) => {
  if (fits(needed(value, where))) return value;
  throw new Failure(code, where);
};

const isText = (value) => typeof value === "string";
const match = (value, pattern, where) => fitting(isText, "NEEDS_TEXT", value, where).match(pattern);
const split = (value, separator, where) => fitting(isText, "NEEDS_TEXT", value, where).split(separator);
const join = (value, separator, where) => fitting(Array.isArray, "NEEDS_LIST", value, where).join(separator);

/** The value, or what went wrong, as JSON. A text cannot carry undefined, so that is said beside it. */
const report = (work, finish) => {
  try {
    const value = finish(work());
    return JSON.stringify({ value, isUndefined: value === undefined });
  } catch (problem) {
    if (problem instanceof Failure) return JSON.stringify({ failure: problem });
    throw problem;
  }
};
