import type { FullResult, Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Says in the very last line how many tests passed, for whoever runs several suites one after the other. */
export default class CountReporter implements Reporter {
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };
  #status: FullResult["status"] = "passed";

  onTestEnd(_test: TestCase, result: TestResult): void {
    switch (result.status) {
      case "passed":
        this.#counts.passed += 1;
        break;
      case "skipped":
        this.#counts.skipped += 1;
        break;
      default:
        this.#counts.failed += 1;
    }
  }

  onEnd(result: FullResult): void {
    this.#status = result.status;
  }

  // `onExit` runs after every other reporter has written its summary.
  async onExit(): Promise<void> {
    const { passed, failed, skipped } = this.#counts;
    if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
    if (failed === 0 && this.#status !== "passed") process.stdout.write(`the run itself: ${this.#status}\n`);
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }

  printsToStdio(): boolean {
    return false;
  }
}
