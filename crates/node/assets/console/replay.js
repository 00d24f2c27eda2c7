// @ts-check
export const isReplaying = () => false;
