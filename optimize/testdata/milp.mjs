// Solves linear programs with integers, given as a JSON array of texts in CPLEX
// LP format on standard input, with the highs package found from the working
// directory, and prints a JSON array of the optima; null: infeasible.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.cwd() + "/");
const highs = await require("highs")();
const out = JSON.parse(readFileSync(0, "utf8")).map((lp) => {
  const s = highs.solve(lp, { mip_rel_gap: 0, mip_abs_gap: 0.4 });
  return s.Status === "Optimal" ? Math.round(s.ObjectiveValue) : null;
});
console.log(JSON.stringify(out));
