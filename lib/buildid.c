extern const char buildid[]; const char buildid[] = "1520156231-2037689";
