// A moment as a person reads it: the time of day, with its day where that is another one. All of it UTC, as the log has it.
import { clockTime } from '../../words.ts'

const DAY = 86_400

export function momentWords(at: number, now: number): string {
  const day = (seconds: number) => Math.floor(seconds / DAY)
  return day(at) === day(now) ? clockTime(at) : `${new Date(at * 1000).toISOString().slice(0, 10)} ${clockTime(at)}`
}
