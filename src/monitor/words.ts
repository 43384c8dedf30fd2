// Numbers as a person reads them in a column, in the terminal and on the page.

export function octets(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function rate(bytes: number): string {
  return bytes === 0 ? '–' : `${octets(bytes)}/s`
}

export function span(seconds: number | null): string {
  if (seconds === null) return '–'
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const [minutes, hours, days] = [Math.floor(whole / 60), Math.floor(whole / 3600), Math.floor(whole / 86_400)]
  if (minutes < 60) return `${minutes}:${two(whole % 60)} min`
  if (hours < 48) return `${hours}:${two(minutes % 60)} h`
  return `${days} d`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

export function count(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** Of the day, in UTC, as the log has it. */
export function clockTime(at: number): string {
  return new Date(at * 1000).toISOString().slice(11, 19)
}
