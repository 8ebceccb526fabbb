// Builds the pages that the server gives out: one bundle for each, split where a part is
// needed later only. Everything is compressed here, once, so that the server never does.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const OUT = process.env["MERPATI_WEB_OUT"] ?? "../src/merpati/servers/web/static";
const COMPRESSIBLE = /\.(html|js|css|svg|json|webmanifest)$/;

// The files that the service worker keeps: those of the webmail, named in it once all names are known.
function offline(): Plugin {
  return {
    name: "offline",
    apply: "build",
    writeBundle(_, bundle) {
      const parts = Object.values(bundle).filter((one) => one.type === "chunk");
      const wanted = new Set<string>();
      const visit = (name: string): void => {
        const part = bundle[name];
        // OpenPGP is large, and few need it: it is fetched when it is used.
        if (part?.type !== "chunk" || wanted.has(name) || part.name.includes("openpgp")) return;
        wanted.add(name);
        for (const css of part.viteMetadata?.importedCss ?? []) wanted.add(css);
        for (const next of [...part.imports, ...part.dynamicImports]) visit(next);
      };
      for (const one of parts) if (one.isEntry && one.name === "mail") visit(one.fileName);
      const path = join(OUT, "worker.js");
      const files = JSON.stringify([...wanted].map((one) => `/${one}`));
      writeFileSync(path, readFileSync(path, "utf8").replace("/* made by the build */ []", files));
    },
  };
}

function precompressed(): Plugin {
  return {
    name: "precompressed",
    apply: "build",
    closeBundle() {
      const walk = (folder: string): void => {
        for (const name of readdirSync(folder)) {
          const path = join(folder, name);
          if (statSync(path).isDirectory()) walk(path);
          else if (COMPRESSIBLE.test(name)) {
            const bytes = readFileSync(path);
            const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
            writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
            writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
          }
        }
      };
      walk(OUT);
    },
  };
}

export default defineConfig({
  plugins: [svelte(), offline(), precompressed()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the policy allows no data: scripts, and files are cached for ever
    modulePreload: { polyfill: false },
    rollupOptions: { input: { mail: "index.html", admin: "admin.html" } },
  },
});
