import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { root: import.meta.dirname, include: ['guide/**/*.test.ts', '../crates/web/js/**/*.test.mjs', '../crates/exporter/*.test.mjs', '../crates/audio_thread/*.test.mjs', '../crates/read_ahead/*.test.mjs'], watch: false },
})
