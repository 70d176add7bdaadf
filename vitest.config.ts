import { defineConfig } from 'vitest/config'
import { SuiteOrder } from './fixtures/suite-order.ts'

export default defineConfig({
  test: {
    // Claims that others rest on are judged first.
    sequence: { sequencer: SuiteOrder },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{fixtures,stubs,scripts,suites}/**/*.test.ts'],
          pool: 'threads',
          // Patience for a busy machine: no test waits for time to pass.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'claims',
          include: ['suites/*/*.ts'],
          exclude: ['**/*.test.ts'],
          provide: { claimsRun: true },
          globalSetup: ['fixtures/global-setup.ts'],
          // One process: claims speak to the main thread over a channel, and share what is costly to load.
          pool: 'threads',
          isolate: false,
          sequence: { concurrent: true },
          maxConcurrency: 30,
          // What was expected and what was seen is the message: it is shown whole.
          chaiConfig: { truncateThreshold: 0 },
        },
      },
      {
        test: {
          name: 'oracle',
          include: ['fixtures/oracle/*.oracle.ts'],
          globalSetup: ['fixtures/oracle/global-setup.ts'],
          pool: 'threads',
        },
      },
      {
        test: {
          name: 'refactorings',
          include: ['suites/in-other-words.ts'],
          globalSetup: ['fixtures/global-setup.ts'],
          pool: 'threads',
          isolate: false,
          sequence: { concurrent: true },
          // Rewritten platforms that run at once. How many claims are judged at once is bounded by itself.
          maxConcurrency: 3,
          chaiConfig: { truncateThreshold: 0 },
        },
      },
      {
        test: {
          name: 'remedies',
          include: ['suites/remedies.ts'],
          globalSetup: ['fixtures/global-setup.ts'],
          pool: 'threads',
          isolate: false,
          chaiConfig: { truncateThreshold: 0 },
        },
      },
      {
        test: {
          name: 'mended-controls',
          include: ['suites/mended-controls.ts'],
          globalSetup: ['fixtures/global-setup.ts'],
          pool: 'threads',
          isolate: false,
          sequence: { concurrent: true },
          // Each has several edges at once of its own.
          maxConcurrency: 2,
          chaiConfig: { truncateThreshold: 0 },
        },
      },
      {
        test: {
          name: 'mutants',
          include: ['suites/mutants.ts'],
          globalSetup: ['fixtures/global-setup.ts'],
          pool: 'threads',
          isolate: false,
          sequence: { concurrent: true },
          chaiConfig: { truncateThreshold: 0 },
        },
      },
    ],
  },
})
