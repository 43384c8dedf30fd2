// Numbers and times as the page writes them. All times are UTC.

export function group(number: number): string {
  return number.toLocaleString('en-US')
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${group(number)} ${number === 1 ? one : many}`
}

/** A share that is not nothing never reads as nothing, and one that is not all never as all. */
export function percent(share: number): string {
  const value = share * 100
  if (share > 0 && value < 0.1) return '<0.1 %'
  if (share < 1 && value > 99.9) return '>99.9 %'
  return `${value.toFixed(1)} %`
}

export function size(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

export function duration(seconds: number): string {
  if (seconds === 0) return '0 s'
  if (seconds < 1e-3) return `${short(seconds * 1e6)} µs`
  if (seconds < 1) return `${short(seconds * 1e3)} ms`
  if (seconds < 120) return `${short(seconds)} s`
  if (seconds < 7200) return `${short(seconds / 60)} min`
  return seconds < 172_800 ? `${short(seconds / 3600)} h` : `${short(seconds / 86_400)} days`
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

/** Seconds since 1970 with as many digits as `step` needs: `2026-11-23 12:03:24.5`; what no calendar holds stays seconds. */
export function moment(seconds: number, step: number): string {
  const places = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step))))
  const unit = 10 ** places
  const whole = Math.floor(seconds)
  const fraction = Math.floor((seconds - whole) * unit)
  if (!(Math.abs(seconds) <= 8.64e12)) return `${seconds} s`
  const text = new Date(whole * 1000).toISOString().slice(0, -5).replace('T', ' ')
  return places === 0 ? text : `${text}.${String(fraction).padStart(places, '0')}`
}

/** The same without the day. */
export function timeOfDay(seconds: number, step: number): string {
  return moment(seconds, step).split(' ').at(-1)!
}

/** `2026-11-23 12:03:24` from what the report says; UTC, as the column says. */
export function seen(time: string): string {
  return /^\S+T\S+Z$/.test(time)
    ? time
        .slice(0, -1)
        .replace('T', ' ')
        .replace(/\.\d+$/, '')
    : time
}

export function told(time: string): string {
  const text = seen(time)
  return text === time ? time : `${text} UTC`
}
