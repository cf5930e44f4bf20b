/** What the host of an Amazon ECR registry says: its region, and whether it is ECR Public, which knows one region only. */

const PRIVATE = /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/;
const PUBLIC = 'public.ecr.aws';
const PUBLIC_REGION = 'us-east-1';

interface EcrRegistry {
  readonly region: string | undefined;
  readonly public: boolean;
}

/** What was configured goes before what the host says. */
export function ecrRegistry(
  { hostname }: URL,
  given: { readonly region?: string | undefined; readonly public?: boolean | undefined },
): EcrRegistry {
  const isPublic = given.public ?? hostname === PUBLIC;
  return { region: given.region ?? (isPublic ? PUBLIC_REGION : PRIVATE.exec(hostname)?.[1]), public: isPublic };
}
