//! Images on their way to a network: folders, MiniEcoset files, arrays, generated stimuli.
