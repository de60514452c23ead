// Prints whose pages a front serves, for its answer to Prometheus: node build.mjs FRONT VERSION, with the folder of the pages and the release.

const [folder, version] = process.argv.slice(2);
// As the chart and the alerts call it.
const service = folder === "city" ? "wall" : folder;
process.stdout.write(`set $evote_service "${service}";\nset $evote_version "${version}";\n`);
