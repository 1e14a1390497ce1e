// Solves one linear program with integers, given in CPLEX LP format on standard
// input, with the highs package found from the working directory. Prints the
// optimum, or null where it was not proven within the seconds given.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.cwd() + "/");
const highs = await require("highs")();
const s = highs.solve(readFileSync(0, "utf8"), { time_limit: Number(process.argv[2]), mip_rel_gap: 0, mip_abs_gap: 0.9 });
console.log(s.Status === "Optimal" ? Math.round(s.ObjectiveValue) : null);
