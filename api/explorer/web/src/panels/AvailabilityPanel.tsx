export default function AvailabilityPanel(_: { data: unknown }) { return null; }
